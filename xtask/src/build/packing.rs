//! Packs the optimized module for its chunk, and makes sure that the decoder that ships unpacks it.

use super::tool;
use anyhow::{Context, ensure};
use lzma_rust2::{EncodeMode, LzmaOptions, LzmaWriter, MfType};
use std::fs;
use std::io::Write;
use std::path::Path;

/// The decoder that ships, for this one setting.
const DECODER: &str = "js/engine/lzma.ts";
const LITERAL_CONTEXT_BITS: u32 = 3;
const LITERAL_POSITION_BITS: u32 = 0;
const POSITION_BITS: u32 = 0;

/// Larger than the module, so that every byte of it may repeat any other.
const DICTIONARY_SIZE: u32 = 1 << 20;

/// Unpacks the file of its first argument, and writes the bytes into that of its second.
const UNPACK: &str = "const [decoder, packed, unpacked] = process.argv.slice(1); \
    const { readFileSync, writeFileSync } = await import('node:fs'); \
    const { unpackLzma } = await import(decoder); \
    writeFileSync(unpacked, unpackLzma(readFileSync(packed)));";

/// Writes `module` into `file`, packed.
///
/// Base64 of the module itself would come to a quarter more over the wire, since a server's compression finds little
/// to gain in base64; and LZMA leaves a tenth less of the module than that compression.
///
/// # Errors
/// The decoder does not give back the same bytes.
pub(super) fn pack(module: &[u8], file: &Path) -> anyhow::Result<()> {
    let options = LzmaOptions::new(
        DICTIONARY_SIZE,
        LITERAL_CONTEXT_BITS,
        LITERAL_POSITION_BITS,
        POSITION_BITS,
        EncodeMode::Normal,
        LzmaOptions::NICE_LEN_MAX,
        MfType::Bt4,
        0,
    );
    let mut writer = LzmaWriter::new_use_header(Vec::new(), &options, Some(module.len() as u64))?;
    writer.write_all(module)?;
    fs::write(file, writer.finish()?)?;
    ensure!(unpacked(file)? == module, "the packed module does not unpack to the same bytes");
    Ok(())
}

/// What the decoder that ships makes of `file`.
fn unpacked(file: &Path) -> anyhow::Result<Vec<u8>> {
    let decoder = file.with_extension("decoder.mjs");
    let output = file.with_extension("unpacked");
    let mut esbuild = tool::npm_tool("esbuild")?;
    esbuild.args([DECODER, "--format=esm", "--log-level=warning"]);
    tool::run(esbuild.arg(format!("--outfile={}", decoder.display())))?;
    tool::run(tool::node().args(["--input-type=module", "--eval", UNPACK]).args([&decoder, file, &output]))?;
    fs::read(&output).with_context(|| format!("cannot read {}", output.display()))
}
