/** Turns a message into nodes: text, and links for web addresses. It is never read as markup. */

const ADDRESS = /https?:\/\/[^\s<>"'`，。；：！？、）】》]+/giu;
const TRAILING = /[.,;:!?)\]}]+$/;

/** A fragment that shows this text. */
export function textNodes(text) {
  const fragment = document.createDocumentFragment();
  let end = 0;
  for (const { 0: match, index } of text.matchAll(ADDRESS)) {
    const address = withoutTrailing(match);
    if (!URL.canParse(address)) continue;
    fragment.append(text.slice(end, index), link(address));
    end = index + address.length;
  }
  fragment.append(text.slice(end));
  return fragment;
}

/** Punctuation at the end belongs to the sentence, except a bracket that was opened in the address. */
function withoutTrailing(match) {
  const bare = match.replace(TRAILING, "");
  const closesOwnBracket = match[bare.length] === ")" && bare.includes("(");
  return closesOwnBracket ? `${bare})` : bare;
}

function link(address) {
  const element = document.createElement("a");
  element.href = address;
  element.textContent = address;
  element.rel = "noopener noreferrer nofollow";
  element.target = "_blank";
  return element;
}
