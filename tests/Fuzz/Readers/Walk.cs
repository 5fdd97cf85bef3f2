using MeKi.Model;
using MeKi.Model.Tokenization;

namespace MeKi.Fuzz.Readers;

/// <summary>What is done with what was accepted.</summary>
internal static class Walk
{
    private static readonly string[] s_texts =
    [
        "", "Hello, wörld! 東京 🙂 123456 they're\r\n\t  x", "<|im_start|>user\nhi<|im_end|><s></s><unk><tool>\0\u0301é",
        new string('a', 3000), new string(' ', 3000),
        new string('\n', 1000), string.Concat(Enumerable.Repeat("ab1 ", 700)), new string('\u0301', 500), "\ud800 \udc00", new string('!', 2000),
    ];

    /// <summary>A forward pass and four tokens.</summary>
    /// <returns>The last logits.</returns>
    public static float[] Tokens(MeKiModel model)
    {
        using MeKiSession session = model.CreateSession();
        return Tokens(model, session);
    }

    /// <inheritdoc cref="Tokens(MeKiModel)"/>
    public static float[] Tokens(MeKiModel model, MeKiSession session)
    {
        int vocabulary = model.Config.VocabularySize, room = model.Config.ContextLength - session.Position;
        float[] logits = new float[vocabulary];
        if (room <= 0)
            return logits;
        session.Forward([.. Enumerable.Range(0, Math.Min(3, room)).Select(i => (7 * i + 1) % vocabulary)], logits);
        for (int i = 0; i < Math.Min(4, room - 3); i++)
            session.Forward([Math.Max(0, Array.IndexOf(logits, logits.Max()))], logits);
        return logits;
    }

    /// <summary>Texts become tokens, and tokens texts.</summary>
    public static void Texts(Tokenizer tokenizer, Random random)
    {
        for (int i = 0; i < 3; i++)
        {
            int[] ids = tokenizer.Encode(s_texts[random.Next(s_texts.Length)], addSpecial: random.Next(2) == 0, parseSpecial: random.Next(2) == 0);
            if (ids.Any(id => (uint)id >= (uint)tokenizer.VocabularySize))
                throw new CorruptionException("an id is outside the vocabulary");
            tokenizer.Decode(ids);
        }
        tokenizer.Decode([.. Enumerable.Range(0, 20).Select(_ => random.Next(tokenizer.VocabularySize))]);
    }
}
