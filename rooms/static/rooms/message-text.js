/** Turns a message into nodes: text, links for web addresses, and marked mentions. It is never read as markup. */

import { mentionNodes } from "./mention-text.js";

const ADDRESS = /https?:\/\/[^\s<>"'`，。；：！？、）】》]+/giu;
const TRAILING = /[.,;:!?)\]}]+$/;

/** A fragment that shows this text, in which `mark(part)` makes the nodes of what is no address. */
export function textNodes(text, mark = (part) => [part]) {
  const fragment = document.createDocumentFragment();
  let end = 0;
  for (const { 0: match, index } of text.matchAll(ADDRESS)) {
    const address = withoutTrailing(match);
    if (!URL.canParse(address)) continue;
    fragment.append(...mark(text.slice(end, index)), link(address));
    end = index + address.length;
  }
  fragment.append(...mark(text.slice(end)));
  return fragment;
}

/** The same of a message, with whom it mentions. */
export function messageNodes(message, me) {
  return textNodes(message.content, (part) => mentionNodes(part, message, me));
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
