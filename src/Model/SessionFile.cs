using System.Buffers.Binary;
using MeKi.Kernels.Kv;
using MeKi.Model.Files;
using MeKi.Store;
using MeKi.Store.Storage;
using Microsoft.Win32.SafeHandles;

namespace MeKi.Model;

/// <summary>
/// A session in a file (docs/formats.md): header, token ids, then each layer's pages of keys and values as they lie in memory. After the ids and after each
/// page stands the CRC-32C of everything behind the header so far, so that exchanged pages are noticed too.
/// </summary>
internal static class SessionFile
{
    private const int BufferBytes = 1 << 20;

    // So many ids are read and written at a time.
    private const int BlockTokens = 1 << 14;

    /// <exception cref="ModelFileException">The file cannot be written.</exception>
    public static void Write(string path, SessionHeader header, ReadOnlySpan<int> tokens, KvCache cache)
    {
        try
        {
            using PendingFile file = new(path, header.FileBytes);
            file.Stream.Write(header.ToBytes());
            uint checksum = Crc32C.Initial;
            WriteTokens(file.Stream, tokens, ref checksum);
            WriteChecksum(file.Stream, checksum);
            foreach ((CachedLayer layer, LayerCache pages) in cache.Layers)
            {
                for (int page = layer.FirstPage(header.Length); page < header.EndPage; page++)
                {
                    foreach ((int offset, int length) in layer.Pages.Parts(header.UsedOf(page * KvPage.Positions)))
                        Write(file.Stream, pages.Pages[page - pages.FirstPage].Bytes.Slice(offset, length), ref checksum);
                    WriteChecksum(file.Stream, checksum);
                }
            }
            file.Complete();
            file.Publish();
        }
        catch (Exception failure) when (PendingFile.IsFailure(failure))
        {
            throw PendingFile.Describe(path, 0, failure);
        }
    }

    /// <param name="path">The file.</param>
    /// <param name="model">What the model at hand would write.</param>
    /// <param name="config">Its shape.</param>
    /// <exception cref="SessionFileException">The file cannot be read, is damaged or of another model.</exception>
    public static (KvCache Cache, int[] Tokens) Read(string path, SessionHeader model, ModelConfig config)
    {
        KvCache cache = new(model.Kv);
        try
        {
            using SafeFileHandle handle = RegularFile.Open(path, FileOptions.SequentialScan);
            long length = RandomAccess.GetLength(handle);
            if (length < SessionHeader.Bytes)
                throw new SessionFileException(path, "header", $"the file has {length} bytes, less than its header's {SessionHeader.Bytes}",
                    "Delete it and compute the session again");
            using FileStream file = new(handle, FileAccess.Read, (int)Math.Min(length, BufferBytes));
            return (cache, Read(file, path, model, config.ContextLength, cache));
        }
        catch (Exception failure)
        {
            cache.Dispose();
            string? problem = failure switch
            {
                UnusableFileException unusable => unusable.IsMissing ? "there is no such file" : unusable.Problem,
                IOException or UnauthorizedAccessException => $"cannot be read: {failure.Message.TrimEnd('.')}",
                _ => null,
            };
            if (problem is not null)
                throw new SessionFileException(path, "", problem, "Name a file that a session was saved to", failure);
            throw;
        }
    }

    private static int[] Read(FileStream file, string path, SessionHeader model, int contextLength, KvCache cache)
    {
        byte[] first = new byte[SessionHeader.Bytes];
        file.ReadExactly(first);
        SessionHeader header = SessionHeader.Read(first, path, model, contextLength);
        // The second is implied, unless a model's sizes make the first wrap.
        if (file.Length != header.FileBytes || file.Length / sizeof(int) < header.Length)
            throw new SessionFileException(path, "length", $"the file has {file.Length} bytes, not the {header.FileBytes} its header tells",
                "Delete it and compute the session again");

        uint checksum = Crc32C.Initial;
        int[] tokens = new int[header.Length];
        ReadTokens(file, tokens, ref checksum);
        CheckChecksum(file, path, "tokens", checksum);
        if (tokens.Any(token => (uint)token >= (uint)header.VocabularySize))
            throw new SessionFileException(path, "tokens", "an id is outside the vocabulary", "Delete it and compute the session again");
        foreach ((CachedLayer layer, LayerCache pages) in cache.Layers)
        {
            int from = layer.FirstPage(header.Length) * KvPage.Positions;
            pages.LetGo(from);
            pages.Reserve(from, Math.Max(header.Length - from, 0));
            for (int page = pages.FirstPage; page < header.EndPage; page++)
            {
                foreach ((int offset, int length) in layer.Pages.Parts(header.UsedOf(page * KvPage.Positions)))
                    Read(file, pages.Pages[page - pages.FirstPage].Bytes.Slice(offset, length), ref checksum);
                CheckChecksum(file, path, $"layer {layer.Index}, page {page}", checksum);
            }
        }
        cache.Advance(header.Length);
        return tokens;
    }

    private static void WriteTokens(Stream file, ReadOnlySpan<int> tokens, ref uint checksum)
    {
        byte[] block = new byte[sizeof(int) * Math.Min(tokens.Length, BlockTokens)];
        for (int first = 0, count; first < tokens.Length; first += count)
        {
            count = Math.Min(BlockTokens, tokens.Length - first);
            for (int i = 0; i < count; i++)
                BinaryPrimitives.WriteInt32LittleEndian(block.AsSpan(sizeof(int) * i), tokens[first + i]);
            Write(file, block.AsSpan(0, sizeof(int) * count), ref checksum);
        }
    }

    private static void ReadTokens(Stream file, Span<int> tokens, ref uint checksum)
    {
        byte[] block = new byte[sizeof(int) * Math.Min(tokens.Length, BlockTokens)];
        for (int first = 0, count; first < tokens.Length; first += count)
        {
            count = Math.Min(BlockTokens, tokens.Length - first);
            Read(file, block.AsSpan(0, sizeof(int) * count), ref checksum);
            for (int i = 0; i < count; i++)
                tokens[first + i] = BinaryPrimitives.ReadInt32LittleEndian(block.AsSpan(sizeof(int) * i));
        }
    }

    private static void Write(Stream file, ReadOnlySpan<byte> part, ref uint checksum)
    {
        checksum = Crc32C.Append(checksum, part);
        file.Write(part);
    }

    private static void WriteChecksum(Stream file, uint checksum)
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, ~checksum);
        file.Write(bytes);
    }

    private static void Read(Stream file, Span<byte> part, ref uint checksum)
    {
        file.ReadExactly(part);
        checksum = Crc32C.Append(checksum, part);
    }

    private static void CheckChecksum(Stream file, string path, string place, uint checksum)
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        file.ReadExactly(bytes);
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes) != ~checksum)
            throw new SessionFileException(path, place, "the checksum does not fit: the file is damaged", "Delete it and compute the session again");
    }
}
