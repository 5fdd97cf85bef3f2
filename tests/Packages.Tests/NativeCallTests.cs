using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace MeKi.Packages.Tests;

/// <summary>The packages are managed code: nothing native is in them, and they call nothing native but one function that .NET has no class for.</summary>
public sealed class NativeCallTests
{
    [Fact]
    public void The_only_native_function_that_is_called_is_madvise()
    {
        List<string> calls = [];
        foreach (string file in ShippedAssemblies.Files)
        {
            using PEReader image = new(File.OpenRead(file));
            MetadataReader metadata = image.GetMetadataReader();
            foreach (MethodDefinitionHandle handle in metadata.MethodDefinitions)
            {
                MethodDefinition method = metadata.GetMethodDefinition(handle);
                if (!method.Attributes.HasFlag(MethodAttributes.PinvokeImpl))
                    continue;
                MethodImport import = method.GetImport();
                calls.Add($"{Path.GetFileName(file)}: {metadata.GetString(metadata.GetModuleReference(import.Module).Name)} {metadata.GetString(import.Name)}");
            }
        }
        Assert.Equal(["MeKi.Kernels.dll: libc madvise"], calls);
    }

    [Fact]
    public void No_assembly_loads_native_libraries_or_holds_native_code()
    {
        string[] loaders = ["System.Runtime.InteropServices.NativeLibrary"];
        foreach (string file in ShippedAssemblies.Files)
        {
            using PEReader image = new(File.OpenRead(file));
            Assert.True(image.PEHeaders.CorHeader!.Flags.HasFlag(CorFlags.ILOnly), file);
            MetadataReader metadata = image.GetMetadataReader();
            IEnumerable<string> types = metadata.TypeReferences.Select(metadata.GetTypeReference)
                .Select(type => $"{metadata.GetString(type.Namespace)}.{metadata.GetString(type.Name)}");
            Assert.Empty(types.Intersect(loaders));
            Assert.DoesNotContain(metadata.ManifestResources.Select(each => metadata.GetString(metadata.GetManifestResource(each).Name)),
                name => Path.GetExtension(name) is ".so" or ".dll" or ".dylib");
        }
    }

    [Fact]
    public void The_assemblies_have_one_version()
    {
        Assert.Single(ShippedAssemblies.Files.Select(file => AssemblyName.GetAssemblyName(file).Version).Distinct());
    }
}
