using System.Numerics.Tensors;
using MeKi.Kernels.Allocation;
using MeKi.Kernels.Panels;
using MeKi.Quant;

namespace MeKi.Kernels.Operations;

/// <summary>What is added to some rows of a product's result: <c>y ← y + scale · B (A x)</c>.</summary>
/// <param name="A">[rank or more × columns], in codes where the product's matrix is in codes, else in floats.</param>
/// <param name="B">[rows × rank], in floats.</param>
/// <param name="FirstColumn">The first of A's rows that are B's own: terms of one input may share one A, that has the rows of all.</param>
/// <param name="FirstPanel">B's panel that meets the first of the product's matrix: that may be a part of B's.</param>
/// <param name="BytesBehind">Bytes behind B that are read in the region to come.</param>
/// <param name="Scale">The scale.</param>
/// <param name="Row">The first row of input and output.</param>
/// <param name="Rows">How many.</param>
internal readonly record struct LowRankTerm(PanelMatrix A, PanelMatrix B, int FirstColumn, int FirstPanel, long BytesBehind, float Scale, int Row, int Rows);

/// <summary>
/// The low-rank terms of a region of products. Their first halves are its first items: whoever adds the second half to a tile has claimed it after all of these
/// were claimed, so that they are done or being done, and what the tile's own product takes is longer than they take. Terms of a product are added in the order
/// in which they were given.
/// </summary>
internal sealed unsafe class LowRankSums
{
    [ThreadStatic]
    private static PinnedFloats? t_sums;

    private readonly List<Entry> _entries = [];
    private readonly PanelKernels _kernels = KernelSet.Selected.Panels;
    private int _count;
    private int _tokens;
    private int _done;

    /// <summary>Items of the first halves.</summary>
    public int Items { get; private set; }

    /// <summary>Adds a term to a product of the next region.</summary>
    /// <param name="product">Which of its products, in the order in which they are given.</param>
    /// <param name="term">The term.</param>
    public void Add(int product, in LowRankTerm term)
    {
        if (_count == _entries.Count)
            _entries.Add(new());
        (_entries[_count].Product, _entries[_count].Term) = (product, term);
        _count++;
    }

    /// <summary>Forgets the terms.</summary>
    public void Clear() => (_count, Items) = (0, 0);

    /// <summary>Gives a product's terms what they are computed from, and makes room.</summary>
    /// <param name="product">Which.</param>
    /// <param name="tokens">Rows of the region.</param>
    /// <param name="input">Its input, [tokens × columns].</param>
    /// <param name="codes">The same in codes, where its matrix takes codes.</param>
    /// <param name="weight">Its matrix.</param>
    /// <exception cref="ArgumentException">A term does not fit the product.</exception>
    public void Prepare(int product, int tokens, ActivationMatrix input, QuantizedActivations codes, PanelMatrix weight)
    {
        _tokens = tokens;
        Volatile.Write(ref _done, 0);
        for (int i = 0; i < _count; i++)
        {
            if (_entries[i].Product != product)
                continue;
            LowRankTerm term = _entries[i].Term;
            if (term.A.Columns != weight.Columns || term.A.TakesCodes != weight.TakesCodes || term.B.TakesCodes
                || term.FirstColumn < 0 || term.FirstColumn + term.B.Columns > term.A.Rows
                || term.Row < 0 || term.Rows < 1 || term.Row + term.Rows > tokens || term.B.Rows - PanelFormat.Rows * term.FirstPanel < weight.Rows)
            {
                throw new ArgumentException($"[{term.B.Rows} × {term.A.Rows} × {term.A.Columns}] does not fit [{weight.Rows} × {weight.Columns}].",
                    nameof(product));
            }
            _entries[i].Prepare(tokens, input, codes, Like(i, input));
            Items += ItemsOf(_entries[i]);
        }
    }

    /// <summary>Whether a product has terms.</summary>
    public bool Has(int product)
    {
        for (int i = 0; i < _count; i++)
        {
            if (_entries[i].Product == product)
                return true;
        }
        return false;
    }

    /// <summary>Does one of the first halves' items: <c>u ← scale · A x</c> of some panels.</summary>
    public void Multiply(int item)
    {
        try
        {
            int i = 0;
            for (; item >= ItemsOf(_entries[i]); i++)
                item -= ItemsOf(_entries[i]);
            Multiply(_entries[i], item * PanelKernels.CodeTilePanels);
        }
        finally
        {
            // Also where it failed: others wait, and the region ends with the failure.
            Interlocked.Increment(ref _done);
        }
    }

    /// <summary>What <see cref="AddTo"/> will read for one token, behind the product's own panels: of the first term; of others it is asked for.</summary>
    public NextReads Reads(int product, int first, int panels)
    {
        NextReads reads = default;
        for (int i = 0; i < _count; i++)
        {
            if (_entries[i].Product != product)
                continue;
            LowRankTerm term = _entries[i].Term;
            if (reads.Bytes > 0)
                _kernels.Prefetch(term.B, term.FirstPanel + first, panels);
            else
            {
                bool isLast = term.FirstPanel + first + panels == term.B.Panels;
                reads = new(term.B.Panel(term.FirstPanel + first), panels * term.B.PanelBytes + (isLast ? term.BytesBehind : 0));
            }
        }
        return reads;
    }

    /// <summary>Asks for all that <see cref="AddTo"/> will read.</summary>
    public void Prefetch(int product, int first, int panels)
    {
        for (int i = 0; i < _count; i++)
        {
            if (_entries[i].Product == product)
                _kernels.Prefetch(_entries[i].Term.B, _entries[i].Term.FirstPanel + first, panels);
        }
    }

    /// <summary>Adds a product's terms to what neighbouring panels gave: <c>y ← y + B u</c>.</summary>
    /// <param name="product">Which.</param>
    /// <param name="first">The first panel.</param>
    /// <param name="panels">How many.</param>
    /// <param name="output">The product's result.</param>
    public void AddTo(int product, int first, int panels, ActivationMatrix output)
    {
        SpinWait spin = default;
        while (Volatile.Read(ref _done) < Items)
            spin.SpinOnce(sleep1Threshold: -1);
        for (int i = 0; i < _count; i++)
        {
            if (_entries[i].Product == product)
                Add(_entries[i], first, panels, output);
        }
    }

    // A term before that has the same middle.
    private Entry? Like(int entry, ActivationMatrix input)
    {
        LowRankTerm term = _entries[entry].Term;
        for (int i = 0; i < entry; i++)
        {
            LowRankTerm other = _entries[i].Term;
            if (other.A == term.A && other.Scale == term.Scale && other.Row == term.Row && other.Rows == term.Rows && _entries[i].Input == input)
                return _entries[i];
        }
        return null;
    }

    private int ItemsOf(Entry entry) => entry.IsCopy ? 0 : _tokens == 1 ? 1
        : (entry.Term.A.Panels + PanelKernels.CodeTilePanels - 1) / PanelKernels.CodeTilePanels;

    private void Multiply(Entry entry, int panel)
    {
        LowRankTerm term = entry.Term;
        // Matrices of activations do not move.
        fixed (float* x = entry.Floats, u = entry.U.Row(0))
        {
            if (_tokens == 1)
            {
                _kernels.MultiplyVector(term.A, 0, term.A.Panels, entry.Codes.Group(0), x, u);
                Scale(entry.U.Row(0), term.Scale);
                return;
            }
            float* sums = (t_sums ??= new()).Reserve(checked(TileOutput.Width * PanelKernels.PaddedTokens(_tokens)));
            int column = PanelFormat.Rows * panel, width = entry.U.Columns - column;
            TileOutput output = new(u + column, entry.U.Columns, width, entry.Codes.Tokens);
            _kernels.MultiplyTilesOfCodes(term.A, panel, entry.Codes, x, sums, output);
            int within = Math.Min(width, PanelFormat.Rows * PanelKernels.CodeTilePanels);
            for (int row = 0; row < term.Rows; row++)
                Scale(entry.U.Row(entry.FirstRow + row).Slice(column, within), term.Scale);
        }
    }

    private static void Scale(Span<float> u, float scale) => TensorPrimitives.Multiply(u, scale, u);

    private void Add(Entry entry, int first, int panels, ActivationMatrix output)
    {
        LowRankTerm term = entry.Term;
        int strideU = entry.U.Columns, strideY = output.Columns, tiled = term.Rows / PanelKernels.AddedTokens * PanelKernels.AddedTokens;
        // Whole panels; of these, pairs for tiles.
        int whole = Math.Min(panels, strideY / PanelFormat.Rows - first), paired = tiled > 0 ? whole / 2 * 2 : 0, column = PanelFormat.Rows * first;
        fixed (float* u = entry.U.Row(entry.FirstRow)[term.FirstColumn..], y = output.Row(term.Row)[column..])
        {
            for (int panel = 0; panel < paired; panel += 2)
                _kernels.AddTiles(term.B, term.FirstPanel + first + panel, tiled, u, strideU, y + PanelFormat.Rows * panel, strideY);
            for (int row = 0; row < term.Rows; row++)
            {
                int from = row < tiled ? paired : 0;
                float* of = u + (nint)row * strideU, to = y + (nint)row * strideY;
                if (from < whole)
                    _kernels.AddVector(term.B, term.FirstPanel + first + from, whole - from, of, to + PanelFormat.Rows * from);
                if (whole < panels)
                    AddRest(term.B, term.FirstPanel + first + whole, of, new(to + PanelFormat.Rows * whole, strideY % PanelFormat.Rows));
            }
        }
    }

    // The last panel has rows that the output has not.
    private void AddRest(PanelMatrix b, int panel, float* u, Span<float> y)
    {
        float* rest = stackalloc float[PanelFormat.Rows];
        new Span<float>(rest, PanelFormat.Rows).Clear();
        y.CopyTo(new(rest, y.Length));
        _kernels.AddVector(b, panel, 1, u, rest);
        new Span<float>(rest, y.Length).CopyTo(y);
    }

    /// <summary>A term and its middle.</summary>
    private sealed class Entry
    {
        private readonly ActivationMatrix _u = new();

        public Entry() => U = _u;

        public int Product;
        public LowRankTerm Term;

        /// <summary>The rows' inputs, perhaps with neighbours that are interleaved with them.</summary>
        public QuantizedActivations Codes { get; } = new();

        /// <summary>scale · A x, [rows of <see cref="Codes"/> × rank, up to whole panels].</summary>
        public ActivationMatrix U { get; private set; }

        /// <summary>Whether <see cref="U"/> is that of a term before.</summary>
        public bool IsCopy { get; private set; }

        /// <summary>What A is multiplied with.</summary>
        public ActivationMatrix? Input { get; private set; }

        /// <summary>Where the term's own rows begin among these.</summary>
        public int FirstRow { get; private set; }

        public ReadOnlySpan<float> Floats => Term.A.TakesCodes ? default : Input!.Row(Term.Row);

        public void Prepare(int tokens, ActivationMatrix input, QuantizedActivations codes, Entry? like)
        {
            (Input, IsCopy, U) = (input, like is not null, like?.U ?? _u);
            // One token has a group of its own.
            int group = Term.A.TakesCodes && tokens > 1 ? Term.Row / QuantizedActivations.TileTokens : 0;
            FirstRow = Term.A.TakesCodes && tokens > 1 ? Term.Row % QuantizedActivations.TileTokens : 0;
            if (IsCopy)
                return;
            Codes.See(codes, group, FirstRow + Term.Rows);
            U.Shape(PanelFormat.Rows * Term.A.Panels);
            U.Reserve(FirstRow + Term.Rows);
        }
    }
}
