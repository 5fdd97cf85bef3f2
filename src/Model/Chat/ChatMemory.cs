using MeKi.Model.Grammars;

namespace MeKi.Model.Chat;

/// <summary>
/// What the chats with a model leave behind for those that come after. A reply's tokens, so that the next turn begins with the very tokens that are in the KV
/// cache; grammars, which remember what they found. Bounded; safe for any number of threads.
/// </summary>
internal sealed class ChatMemory
{
    private const int MostReplies = 256, MostCharacters = 8 << 20, MostGrammars = 32;

    private readonly Lock _gate = new();
    private readonly LinkedList<KnownText> _replies = [];
    private readonly LinkedList<(string Kind, string Text, Grammar Grammar)> _grammars = [];
    private long _characters;

    /// <summary>The longest text of prompt and reply that a prompt goes on from.</summary>
    public KnownText Find(string prompt)
    {
        lock (_gate)
        {
            LinkedListNode<KnownText>? best = null;
            for (LinkedListNode<KnownText>? node = _replies.First; node is not null; node = node.Next)
            {
                if (node.Value.Text.Length > (best?.Value.Text.Length ?? 0) && node.Value.Begins(prompt))
                    best = node;
            }
            if (best is null)
                return KnownText.Empty;
            Touch(_replies, best);
            return best.Value;
        }
    }

    /// <summary>Takes note of a reply that has ended.</summary>
    public void Keep(KnownText reply)
    {
        if (reply.Text.Length > MostCharacters / 4)
            return;
        lock (_gate)
        {
            for (LinkedListNode<KnownText>? node = _replies.First; node is not null; node = node.Next)
            {
                if (node.Value.Text == reply.Text)
                {
                    Remove(node);
                    break;
                }
            }
            _replies.AddFirst(reply);
            _characters += reply.Text.Length;
            while (_replies.Count > MostReplies || _characters > MostCharacters)
                Remove(_replies.Last!);
        }
    }

    /// <summary>The grammar that a text stands for, made once.</summary>
    /// <param name="kind">What the text is.</param>
    /// <param name="text">The grammar's source.</param>
    /// <param name="make">Makes it.</param>
    public Grammar GrammarOf(string kind, string text, Func<string, Grammar> make)
    {
        lock (_gate)
        {
            for (LinkedListNode<(string Kind, string Text, Grammar Grammar)>? node = _grammars.First; node is not null; node = node.Next)
            {
                if (node.Value.Kind == kind && node.Value.Text == text)
                {
                    Touch(_grammars, node);
                    return node.Value.Grammar;
                }
            }
        }
        Grammar made = make(text);
        lock (_gate)
        {
            _grammars.AddFirst((kind, text, made));
            if (_grammars.Count > MostGrammars)
                _grammars.RemoveLast();
        }
        return made;
    }

    private static void Touch<T>(LinkedList<T> list, LinkedListNode<T> node)
    {
        list.Remove(node);
        list.AddFirst(node);
    }

    private void Remove(LinkedListNode<KnownText> node)
    {
        _characters -= node.Value.Text.Length;
        _replies.Remove(node);
    }
}
