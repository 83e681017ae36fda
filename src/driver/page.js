/**
 * What a page's markup says, and listening to it, where markup that somebody else has brought into the page must not
 * matter.
 *
 * An element with a name replaces what `document` has by that name, so methods are those of its prototype:
 * https://html.spec.whatwg.org/multipage/dom.html#dom-document-nameditem
 * On the window it stands only in the place of what is missing, and is never a text:
 * https://webidl.spec.whatwg.org/#dfn-named-property-visibility
 */

const META = 'meta[name="sentiance-platform-url"]';

/** A method that no element of this name replaces. A test's imitation of a page may have methods of its own only. */
function methodOf(target, name) {
  return Object.getPrototypeOf(target)?.[name] ?? target[name];
}

/**
 * The platform's address: the global's, else that of the `<meta>` in the head. An empty text where it can't be trusted
 * (two that differ, or one elsewhere), so that there is no user at the default platform instead; `undefined` where there
 * is none.
 */
export function ambientPlatformUrl() {
  try {
    const { document, SENTIANCE_PLATFORM_URL: url } = globalThis;
    if (url && typeof url === "string") return url;
    const find = (selector) =>
      Array.from(methodOf(document, "querySelectorAll").call(document, selector), (meta) => meta.content);
    const [first, ...others] = find(`:root > head > ${META}`);
    if (first === undefined) return find(META).length > 0 ? "" : undefined;
    return others.every((other) => other === first) ? first : "";
  } catch {
    // No page, or hardly one.
    return undefined;
  }
}

/** Listens for as long as the page lives. */
export function listen(target, event, callback) {
  if (target) methodOf(target, "addEventListener")?.call(target, event, callback);
}
