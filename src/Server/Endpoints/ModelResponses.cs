using MeKi.Model.Chat;
using MeKi.Model.Replies;
using MeKi.Server.Requests;
using MeKi.Server.Responses;
using MeKi.Server.Streaming;

namespace MeKi.Server.Endpoints;

/// <summary><c>/v1/responses</c>: answers conversations, in the newer form of OpenAI's API and without its memory.</summary>
internal sealed class ModelResponses(ServedModel served)
{
    public async Task AnswerAsync(Exchange exchange)
    {
        ResponsesRequest request = ResponsesRequest.Read(await exchange.ReadAsync().ConfigureAwait(false), served);
        await exchange.HoldAsync(request.Request.Options!.Adapters).ConfigureAwait(false);
        ChatReply reply = served.Reply(request.Request, "input", exchange.Cancellation);
        ResponseOutput output = new(served.Tokenizer, reply, request.Request.Options!.LogProbabilities is not null);
        if (request.IsStream)
        {
            await StreamAsync(exchange, request, reply, output).ConfigureAwait(false);
            return;
        }
        try
        {
            await foreach (ReplyEvent part in reply.ConfigureAwait(false))
            {
                exchange.Facts.NoteToken();
                output.Add(part);
            }
        }
        finally
        {
            exchange.Facts.Add(reply.Statistics);
        }
        output.Close();
        await exchange.WriteAsync(output.Ended(request.Frame), ServerJson.Default.ModelResponse).ConfigureAwait(false);
    }

    private static async Task StreamAsync(Exchange exchange, ResponsesRequest request, ChatReply reply, ResponseOutput output)
    {
        EventStream events = await exchange.BeginStreamAsync().ConfigureAwait(false);
        int sent = 0;
        exchange.TellError = async failure =>
        {
            await SendAsync(new("error", 0) { Code = failure.Code, Message = failure.Message, Param = failure.Parameter }).ConfigureAwait(false);
            ModelResponse failed = request.Frame with { Status = "failed", Output = output.Items, Error = new("server_error", failure.Message) };
            await SendAsync(new("response.failed", 0) { Response = failed }).ConfigureAwait(false);
        };
        await SendAsync(new("response.created", 0) { Response = request.Frame }).ConfigureAwait(false);
        await SendAsync(new("response.in_progress", 0) { Response = request.Frame }).ConfigureAwait(false);
        try
        {
            await foreach (ReplyEvent part in events.Awaiting(reply, exchange.Cancellation).ConfigureAwait(false))
            {
                exchange.Facts.NoteToken();
                await SendAllAsync(output.Add(part)).ConfigureAwait(false);
            }
        }
        finally
        {
            exchange.Facts.Add(reply.Statistics);
        }
        await SendAllAsync(output.Close()).ConfigureAwait(false);
        ModelResponse ended = output.Ended(request.Frame);
        await SendAsync(new($"response.{ended.Status}", 0) { Response = ended }).ConfigureAwait(false);

        async Task SendAllAsync(IEnumerable<ResponseEvent> parts)
        {
            foreach (ResponseEvent part in parts)
                await SendAsync(part).ConfigureAwait(false);
        }

        Task SendAsync(ResponseEvent part) =>
            events.SendAsync(part with { SequenceNumber = sent++ }, ServerJson.Default.ResponseEvent, part.Type, exchange.Context.RequestAborted);
    }
}
