/** Marks in a text whom its message mentions. Who that is, the server says; here it is only found where. */

import { make } from "./dom.js";

const SIGNS = "[@＠]";
const LETTER = /[\p{L}\p{M}\p{N}]/u;
const WITHOUT_SPACES = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]/u;
const EVERYBODY = "room"; // the name that stands for all members

/** Nodes of a text: each mention of `message` in it is marked, those of `me` more. */
export function mentionNodes(text, { mentions = [], mentionsRoom = false }, me) {
  const ids = new Map(mentions.map(({ id, username }) => [username.toLowerCase(), id]));
  if (mentionsRoom) ids.set(EVERYBODY, me.id);
  if (!ids.size) return [text];
  const names = [...ids.keys()].sort((one, other) => other.length - one.length).map(escaped);
  const nodes = [];
  let end = 0;
  for (const { 0: found, index } of text.matchAll(new RegExp(`${SIGNS}(?:${names.join("|")})`, "giu"))) {
    if (isWithinWord(text.slice(0, index), text[index]) || isWithinWord(found, text.slice(index + found.length))) continue;
    const isMine = ids.get(found.slice(1).toLowerCase()) === me.id;
    nodes.push(text.slice(end, index), make("span", { class: isMine ? "mention mine" : "mention" }, found));
    end = index + found.length;
  }
  return [...nodes, text.slice(end)];
}

/** Whether a message mentions this user, or everybody. */
export function concerns({ user, mentions = [], mentionsRoom = false }, me) {
  return user.id !== me.id && (mentionsRoom || mentions.some(({ id }) => id === me.id));
}

/** Whether a word goes on over the place between two texts; the sign of a mention goes on with an address. */
function isWithinWord(before, after) {
  const [left, right] = [[...before].at(-1) ?? "", [...after][0] ?? ""];
  const isLetter = (char) => LETTER.test(char) && !WITHOUT_SPACES.test(char);
  return isLetter(left) && (isLetter(right) || /^[@＠]/.test(after));
}

const escaped = (name) => name.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
