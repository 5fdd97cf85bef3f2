namespace MeKi.Model.Tokenization;

/// <summary>Tokenizer data that contradicts itself. Readers turn it into a <see cref="ModelFileException"/>, which knows the file.</summary>
internal sealed class InvalidTokenizerException(string place, string problem) : ArgumentException($"{place}: {problem}.")
{
    public string Place => place;

    public string Problem => problem;
}
