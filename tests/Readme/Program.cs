using MeKi.Model;
using MeKi.Model.Generation;

using var model = MeKiModel.Load("models/tiny-meki");
GenerationOptions options = new() { Temperature = 0, MaxTokens = 20 };
await foreach (string piece in model.GenerateAsync("KING RICHARD III:\nNow", options))
    Console.Write(piece);
