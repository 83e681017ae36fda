// Finds the fenced code blocks of a Markdown text, each with the comment before it that says how it is run.

const FENCE = /^(?<indent> {0,3})(?<fence>`{3,}|~{3,})(?<info>.*)$/;
const DIRECTIVE = /^\s*<!-- run: (?<kind>[a-z-]+) -->\s*$/;

/**
 * Lists the blocks in order, as `{line, info, kind, code}`: the number of the line with the opening fence, what stands
 * after the fence, the word of the comment (undefined where there is none), and the text.
 */
export function findBlocks(markdown) {
  const blocks = [];
  let kind;
  let open;
  for (const [index, line] of markdown.split("\n").entries()) {
    const fence = FENCE.exec(line)?.groups;
    if (open) {
      if (fence && fence.fence.startsWith(open.fence) && fence.info.trim() === "") {
        blocks.push({ line: open.line, info: open.info, kind: open.kind, code: open.text.join("\n") });
        open = undefined;
      } else {
        open.text.push(line.slice(open.indent));
      }
    } else if (fence) {
      open = {
        line: index + 1,
        info: fence.info.trim(),
        kind,
        fence: fence.fence,
        indent: fence.indent.length,
        text: [],
      };
      kind = undefined;
    } else if (DIRECTIVE.test(line)) {
      kind = DIRECTIVE.exec(line).groups.kind;
    } else if (line.trim() !== "") {
      // A comment speaks for the block that follows it directly.
      kind = undefined;
    }
  }
  if (open) throw new Error(`line ${open.line}: this block is never closed`);
  return blocks;
}
