//! Turns generated JavaScript into factories, so that two instances in one page share nothing, and repairs what the
//! glue assumes of memory.

use anyhow::{Context, ensure};

/// What stands before the glue in its module, between its code and the list of what it exports, and after that.
const GLUE_FACTORY: [&str; 3] = ["export function createGlue() {\n", "\nreturn {\n", "}\n"];
/// What stands before and after the code that `wasm2js` made.
const CORE_FACTORY: (&str, &str) =
    ("export function createCore(imports) {\n", "\nreturn asmFunc(imports);\n}\n");

/// The glue with every cached view of the memory checked for being of the present buffer.
///
/// Left alone, the glue takes a view to be good until its buffer is detached. WebAssembly detaches the old buffer when
/// memory grows; `wasm2js` only replaces it, so that strings would come back with other strings' bytes.
///
/// # Errors
/// Not every view's check was found: wasm-bindgen has changed what it generates, and this function has to follow.
pub(super) fn with_checked_views(glue: &str) -> anyhow::Result<String> {
    let mut patched = Vec::new();
    let mut checks = 0;
    for line in glue.lines() {
        match checked_view(line) {
            Some(view) => {
                checks += 1;
                patched.push(format!("    if ({view} === null || {view}.buffer !== wasm.memory.buffer) {{"));
            }
            None => patched.push(line.to_owned()),
        }
    }
    let declared =
        glue.lines().filter(|line| line.starts_with("let cached") && line.ends_with("= null;")).count();
    let created = glue.matches("(wasm.memory.buffer").count();
    ensure!(
        checks > 0 && checks == declared && checks == created,
        "wasm-bindgen's glue declares {declared} cached views and creates {created}, but {checks} checks were found"
    );
    Ok(patched.join("\n"))
}

/// The name of the view that this line checks, if it does.
fn checked_view(line: &str) -> Option<&str> {
    let (view, _) = line.strip_prefix("    if (")?.split_once(" === null || ")?;
    (view.starts_with("cached") && view.ends_with("Memory0")).then_some(view)
}

/// What follows the name of an export: it is called, or handed on.
const AFTER_EXPORT: [&str; 3] = ["(", ",", ")"];

/// Whether the glue uses that export of the core.
pub(super) fn uses(glue: &str, export: &str) -> bool {
    AFTER_EXPORT.iter().any(|end| glue.contains(&["wasm.", export, end].concat()))
}

/// The glue with the imports and exports of the core under other names. wasm-bindgen's end in checksums, which nothing
/// packs, or are those of the API, which the glue's own functions have already.
///
/// # Errors
/// An import's name is not that of exactly one function of the glue, or an export is not called.
pub(super) fn with_short_names(
    glue: &str,
    imports: &[(String, String)],
    exports: &[(String, String)],
) -> anyhow::Result<String> {
    let mut glue = glue.to_owned();
    for (long, short) in exports {
        ensure!(uses(&glue, long), "the glue does not use {long}");
        for (long, short) in
            AFTER_EXPORT.map(|end| (["wasm.", long, end].concat(), ["wasm.", short, end].concat()))
        {
            glue = glue.replace(&long, &short);
        }
    }
    let known = glue.matches("wasm.$").count() + glue.matches("wasm.memory").count();
    ensure!(glue.matches("wasm.").count() == known, "the glue uses an export that got no short name");
    for (long, short) in imports {
        let definition = format!("export function {long}(");
        ensure!(glue.matches(&definition).count() == 1, "the glue does not define {long} once");
        glue = glue.replace(&definition, &format!("export function {short}("));
        ensure!(!glue.contains(&format!("{long}(")), "the glue calls {long} itself");
    }
    Ok(glue)
}

/// A module with `createGlue()`, from the glue as a module whose exports are listed at its end.
///
/// # Errors
/// There is no such list, or it renames something: esbuild has changed what it generates.
pub(super) fn glue_factory(module: &str) -> anyhow::Result<String> {
    let (code, exports) = module.split_once("\nexport {\n").context("the glue has no list of exports")?;
    ensure!(
        !exports.contains(" as ") && exports.ends_with("};\n"),
        "the glue's exports are not a plain list"
    );
    let [before, between, after] = GLUE_FACTORY;
    Ok([before, code, between, exports, after].concat())
}

/// A module with `createCore(imports)`, from the module that `wasm2js` made.
///
/// # Errors
/// The module does not have the known form: `wasm2js` has changed what it generates.
pub(super) fn core_factory(module: &str) -> anyhow::Result<String> {
    let instance =
        module.find("var retasmFunc = asmFunc(").context("wasm2js's output has no `retasmFunc`")?;
    let code: String = module[..instance]
        .lines()
        .filter(|line| !line.starts_with("import "))
        .flat_map(|line| [line, "\n"])
        .collect();
    ensure!(code.contains("function asmFunc(imports)"), "wasm2js's output has no `asmFunc`");
    Ok([CORE_FACTORY.0, &code, CORE_FACTORY.1].concat())
}

#[cfg(test)]
mod tests {
    use super::{core_factory, glue_factory, with_checked_views, with_short_names};

    const GLUE: &str = "\
let cachedUint8ArrayMemory0 = null;
function getUint8ArrayMemory0() {
    if (cachedUint8ArrayMemory0 === null || cachedUint8ArrayMemory0.byteLength === 0) {
        cachedUint8ArrayMemory0 = new Uint8Array(wasm.memory.buffer);
    }
    return cachedUint8ArrayMemory0;
}";

    #[test]
    fn a_view_of_an_old_buffer_is_told_by_the_buffer() {
        let patched = with_checked_views(GLUE).unwrap();
        assert!(patched.contains("cachedUint8ArrayMemory0.buffer !== wasm.memory.buffer"), "{patched}");
        assert!(!patched.contains("byteLength"), "{patched}");
    }

    #[test]
    fn a_view_whose_check_is_not_found_stops_the_build() {
        let changed = GLUE.replace("=== null ||", "=== undefined ||");
        assert!(with_checked_views(&changed).is_err());
        assert!(with_checked_views("").is_err());
    }

    #[test]
    fn an_import_gets_its_short_name_once() {
        let renamed = [("__wbg_now_0123456789abcdef".to_owned(), "$0".to_owned())];
        let glue = "export function __wbg_now_0123456789abcdef() {";
        assert_eq!(with_short_names(glue, &renamed, &[]).unwrap(), "export function $0() {");
        assert!(with_short_names("", &renamed, &[]).is_err());
    }

    #[test]
    fn an_export_gets_its_short_name_wherever_it_is_used() {
        let renamed = [("reset".to_owned(), "$0".to_owned()), ("free".to_owned(), "$1".to_owned())];
        let glue = "export function reset() { return wasm.reset(pass(wasm.free, wasm.memory)); }";
        let expected = "export function reset() { return wasm.$0(pass(wasm.$1, wasm.memory)); }";
        assert_eq!(with_short_names(glue, &[], &renamed).unwrap(), expected);
        assert!(with_short_names(&[glue, "wasm.resetAll()"].concat(), &[], &renamed).is_err());
        assert!(with_short_names("", &[], &renamed).is_err());
    }

    #[test]
    fn the_glue_becomes_a_function_that_returns_its_exports() {
        let factory = glue_factory("var wasm;\nfunction reset() {}\nexport {\n  reset\n};\n").unwrap();
        assert!(factory.starts_with("export function createGlue() {\nvar wasm;"), "{factory}");
        assert!(factory.ends_with("return {\n  reset\n};\n}\n"), "{factory}");
        assert!(glue_factory("var wasm;\nexport {\n  clear as reset\n};\n").is_err());
        assert!(glue_factory("var wasm;").is_err());
    }

    #[test]
    fn the_translated_core_becomes_a_function_of_its_imports() {
        let module = "import * as glue from './glue.js';\nvar view;\nfunction asmFunc(imports) {}\nvar retasmFunc = asmFunc({});\nexport var memory = retasmFunc.memory;\n";
        let factory = core_factory(module).unwrap();
        assert!(factory.starts_with("export function createCore(imports) {\nvar view;"), "{factory}");
        assert!(!factory.contains("import *") && !factory.contains("retasmFunc"), "{factory}");
        assert!(core_factory("something else").is_err());
    }
}
