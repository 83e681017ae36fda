//! Turns the compiled module into what JavaScript can load: wasm-bindgen's glue, the optimized module, and the same
//! module translated to JavaScript.

use super::{Variant, checks, glue, packing, tool};
use anyhow::Context;
use std::fs;
use std::path::Path;
use wasm_bindgen_cli_support::Bindgen;

/// What the generated files are called.
pub(super) const NAME: &str = "sentiance_core";

/// Smallest after compression: branches are put together anew, from which the rounds after that gain; and a function
/// that is called once stays a function, unless it is tiny, since functions look more like each other than like the
/// inside of a large one. The lowest kilobyte of memory is the end of the stack, to which nothing points before it
/// overflows.
const OPTIMIZATIONS: [&str; 9] = [
    "--mvp-features",
    "--low-memory-unused",
    "-Oz",
    "--flatten",
    "--rereloop",
    "-Oz",
    "-Oz",
    "--one-caller-inline-max-function-size",
    "15",
];

/// What the facade uses of a module by its name.
const KEPT_EXPORTS: [&str; 2] = ["memory", "__wbindgen_start"];

/// Generates everything that `bundle` needs into the variant's `generated` folder, and the crate's own package for
/// Node into its `crate` folder.
///
/// # Errors
/// A tool failed, or a check of the module or of its glue did not hold.
pub(super) fn generate(module: &Path, variant: Variant) -> anyhow::Result<()> {
    let compiled = fs::read(module).with_context(|| format!("cannot read {}", module.display()))?;
    checks::compiled_module(&compiled)?;

    let generated = variant.generated_dir();
    recreate(&generated)?;
    let mut bindings = bindgen(&compiled).bundler(true)?.typescript(false).generate_output()?;
    let glue = bindings.start().context("wasm-bindgen made no glue")?.clone();
    let module = bindings.wasm_mut();
    let imports = shorten(module.imports.iter_mut().map(|import| &mut import.name));
    let kept = |name: &String| KEPT_EXPORTS.contains(&name.as_str());
    let names: Vec<String> = module.exports.iter().map(|export| export.name.clone()).collect();
    for unused in names.iter().filter(|name| !kept(name) && !glue::uses(&glue, name)) {
        module.exports.remove(unused)?;
    }
    let names = module.exports.iter_mut().map(|export| &mut export.name);
    let exports = shorten(names.filter(|name| !kept(name)));
    bindings.emit(&generated)?;
    recreate(&variant.crate_dir())?;
    bindgen(&compiled).nodejs_module(true)?.typescript(true).generate(variant.crate_dir())?;

    let bound = generated.join(format!("{NAME}_bg.wasm"));
    let optimized = generated.join("core.wasm");
    tool::run(tool::npm_tool("wasm-opt")?.args(OPTIMIZATIONS).arg("-o").args([&optimized, &bound]))?;
    let finished = fs::read(&optimized)?;
    checks::finished_module(&finished, &format!("./{NAME}_bg.js"))?;
    packing::pack(&finished, &generated.join("core.wasm.lzma"))?;

    let translated = generated.join("core-translated.js");
    tool::run(tool::npm_tool("wasm2js")?.args(["-Oz", "-o"]).args([&translated, &optimized]))?;
    fs::write(generated.join("core-javascript.js"), glue::core_factory(&fs::read_to_string(&translated)?)?)?;

    let path = generated.join(format!("{NAME}_bg.js"));
    let glue = glue::with_checked_views(&fs::read_to_string(&path)?)?;
    fs::write(&path, glue::with_short_names(&glue, &imports, &exports)?)?;
    Ok(())
}

/// Gives each of `names` a short one. Returns the pairs of both.
fn shorten<'a>(names: impl Iterator<Item = &'a mut String>) -> Vec<(String, String)> {
    let shorten = |(at, name)| {
        let short = format!("${at}");
        (std::mem::replace(name, short.clone()), short)
    };
    names.enumerate().map(shorten).collect()
}

fn bindgen(module: &[u8]) -> Bindgen {
    let mut bindgen = Bindgen::new();
    bindgen.input_bytes(NAME, module.to_vec()).remove_name_section(true).remove_producers_section(true);
    bindgen
}

/// An empty folder: nothing of an earlier build may end up in this one.
fn recreate(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))
}
