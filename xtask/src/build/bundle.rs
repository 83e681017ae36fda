//! Makes the files that applications load: esbuild joins the facade with the generated core, and rollup joins the
//! declarations.

use super::bindings::NAME;
use super::{Variant, glue, licenses, tool};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Syntax that every supported runtime and bundler parses without help; Metro lowers it further for Hermes.
const TARGET: &str = "--target=es2019";

/// The names under which the facade imports what `bindings` has generated.
const GENERATED: [(&str, &str); 3] = [
    ("generated/glue", "glue.js"),
    ("generated/core.wasm.lzma", "core.wasm.lzma"),
    ("generated/core-javascript", "core-javascript.js"),
];

/// What terser may rename in a file that holds the core.
const ANY_NAME: [&str; 1] = ["--toplevel"];
/// And in one with the functions that an application calls: these keep their names in its stack traces.
const LOCAL_NAMES: [&str; 2] = ["--keep-fnames", "--keep-classnames"];

/// `require()` returns an object with every member and, for compilers that look for it, itself as `default`. A copy,
/// since esbuild's own object has getters, which an application's tests could not replace.
const COMMON_JS_FOOTER: &str = "module.exports = Object.assign({}, module.exports); \
    module.exports.default = module.exports; \
    Object.defineProperty(module.exports, \"__esModule\", { value: true });";

/// How a file is loaded.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    /// `import`.
    Module,
    /// `require`.
    CommonJs,
}

impl Format {
    fn extension(self) -> &'static str {
        match self {
            Format::Module => "js",
            Format::CommonJs => "cjs",
        }
    }
}

/// Makes the variant's package folder from what `bindings` has generated.
///
/// # Errors
/// A tool failed, or something of the facade does not fit the generated code.
pub(super) fn run(variant: Variant) -> anyhow::Result<()> {
    let package = variant.package_dir();
    if package.exists() {
        fs::remove_dir_all(&package)?;
    }
    fs::create_dir_all(&package)?;

    let generated = variant.generated_dir();
    // Browsers and Node have a codec of their own; Jest's browser-like environment has not.
    write_glue(&generated, "js/engine/utf8-where-missing.ts")?;
    for format in [Format::Module, Format::CommonJs] {
        bundle_default_entry(variant, format)?;
    }
    // React Native's is absent, slow or odd, so it is never used there.
    write_glue(&generated, "js/engine/utf8.ts")?;
    for format in [Format::Module, Format::CommonJs] {
        bundle(variant, &variant.entry("react-native"), format, "react-native", &[])?;
        minify(&package.join("react-native").with_extension(format.extension()), &ANY_NAME)?;
    }
    if variant == Variant::Release {
        declarations(&package)?;
        licenses::write(&package.join("THIRD-PARTY-LICENSES.txt"))?;
    }
    Ok(())
}

/// Writes `glue.js`: a factory of wasm-bindgen's glue, whose UTF-8 codec is that of the file `codec`.
fn write_glue(generated: &Path, codec: &str) -> anyhow::Result<()> {
    let module = generated.join("glue-module.js");
    tool::run(
        esbuild()?
            .arg(generated.join(format!("{NAME}_bg.js")))
            .args(["--bundle", "--format=esm", TARGET])
            .arg(format!("--inject:{codec}"))
            .arg(format!("--outfile={}", module.display())),
    )?;
    fs::write(generated.join("glue.js"), glue::glue_factory(&fs::read_to_string(module)?)?)?;
    Ok(())
}

/// The default entry and, apart from it, the chunk with the core that it loads at the first call.
fn bundle_default_entry(variant: Variant, format: Format) -> anyhow::Result<()> {
    let chunk = format!("core-webassembly.{}", format.extension());
    bundle(variant, "js/engine/webassembly.ts", format, "core-webassembly", &[])?;
    minify(&variant.package_dir().join(&chunk), &ANY_NAME)?;
    let more = [format!("--alias:core-webassembly=./{chunk}"), format!("--external:*{chunk}")];
    bundle(variant, &variant.entry("default"), format, "index", &more)?;
    minify(&variant.package_dir().join("index").with_extension(format.extension()), &LOCAL_NAMES)
}

/// Bundles the file `entry` into `<name>.js` or `<name>.cjs`.
fn bundle(variant: Variant, entry: &str, format: Format, name: &str, more: &[String]) -> anyhow::Result<()> {
    let generated = variant.generated_dir();
    let output = variant.package_dir().join(name).with_extension(format.extension());
    let mut command = esbuild()?;
    command
        .arg(entry)
        .args(["--bundle", "--platform=neutral", "--legal-comments=none", TARGET])
        .arg("--loader:.lzma=base64")
        .args(GENERATED.map(|(name, file)| format!("--alias:{name}={}", generated.join(file).display())))
        .args(more)
        .arg(format!("--outfile={}", output.display()));
    match format {
        Format::Module => command.arg("--format=esm"),
        Format::CommonJs => command.args([
            "--format=cjs",
            // `import()` becomes a deferred `require()`: Jest and old bundlers know no other in CommonJS.
            "--supported:dynamic-import=false",
        ]),
    };
    if format == Format::CommonJs && name != "core-webassembly" {
        command.arg(format!("--footer:js={COMMON_JS_FOOTER}"));
    }
    tool::run(&mut command)
}

/// Minifies a file; terser leaves a few percent less of it than esbuild.
fn minify(file: &Path, names: &[&str]) -> anyhow::Result<()> {
    tool::run(
        tool::npm_tool("terser")?
            .arg(file)
            .args(["--ecma", "2019", "--compress", "passes=2", "--mangle"])
            .args(names)
            .arg("--output")
            .arg(file),
    )
}

fn esbuild() -> anyhow::Result<Command> {
    let mut command = tool::npm_tool("esbuild")?;
    command.arg("--log-level=warning");
    Ok(command)
}

/// The package's declarations, once for each way of loading, since TypeScript tells the two by the file's name.
fn declarations(package: &Path) -> anyhow::Result<()> {
    let joined = package.join("index.d.ts");
    tool::run(
        tool::npm_tool("rollup")?
            .args(["--config", "rollup.config.js", "--format", "es", "--silent", "--file"])
            .arg(&joined),
    )?;
    fs::copy(&joined, package.join("index.d.cts"))?;
    Ok(())
}
