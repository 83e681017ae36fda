//! What must hold of a module, whatever it does: some engine refuses it otherwise, or would run it wrongly.

use anyhow::{Context, bail, ensure};
use wasmparser::{Parser, Payload, TypeRef, ValType};

/// Checks a module as rustc has compiled it.
///
/// # Errors
/// It names processor features: older browsers and `wasm2js` know none, and wasm-bindgen would use them.
pub(super) fn compiled_module(module: &[u8]) -> anyhow::Result<()> {
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::CustomSection(section) = payload?
            && section.name() == "target_features"
        {
            // The section starts with the number of features, in one byte below 128.
            ensure!(
                section.data() == [0],
                "the module uses WebAssembly features beyond the first version: {}",
                String::from_utf8_lossy(section.data())
            );
        }
    }
    Ok(())
}

/// Checks a module that is ready to ship.
///
/// # Errors
/// It imports something else than the glue's functions, or a 64-bit integer crosses its border, which would be a
/// `BigInt` in WebAssembly and a failure under `wasm2js`.
pub(super) fn finished_module(module: &[u8], glue_module: &str) -> anyhow::Result<()> {
    let mut types = Vec::new();
    let mut functions = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        match payload.context("the module cannot be parsed")? {
            Payload::TypeSection(section) => {
                for group in section.into_iter_err_on_gc_types() {
                    types.push(group?);
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    ensure!(import.module == glue_module, "stray import {}.{}", import.module, import.name);
                    let TypeRef::Func(signature) = import.ty else {
                        bail!("the import {} is not a function", import.name);
                    };
                    check_signature(import.name, &types[signature as usize])?;
                    functions.push(signature);
                }
            }
            Payload::FunctionSection(section) => {
                for signature in section {
                    functions.push(signature?);
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    if export.kind == wasmparser::ExternalKind::Func {
                        check_signature(export.name, &types[functions[export.index as usize] as usize])?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_signature(name: &str, signature: &wasmparser::FuncType) -> anyhow::Result<()> {
    let wide = signature.params().iter().chain(signature.results()).any(|value| *value == ValType::I64);
    ensure!(!wide, "the signature of {name} has a 64-bit integer");
    Ok(())
}
