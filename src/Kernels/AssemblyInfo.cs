using System.Runtime.CompilerServices;

// Room on the stack is written before it is read: clearing it would only take time.
[module: SkipLocalsInit]
