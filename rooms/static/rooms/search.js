/** Searching the messages of my rooms, in a dialog: a list of what was found, each with its place. */

import { isolated } from "./configuration.js";
import { openDialog } from "./dialog.js";
import { make } from "./dom.js";
import { roomPath } from "./room-list.js";
import { Times } from "./times.js";

const MAX_CHARS = 200;

/** Opens the dialog; `onOpen(name)` is called for the room of a message that was chosen. */
export function openSearch(near, { client, configuration, onOpen }) {
  const { say, sayError } = configuration;
  const times = new Times(configuration);
  const input = make("input", { id: "search-input", type: "search", maxlength: String(MAX_CHARS), dir: "auto" });
  const label = make("label", { for: "search-input" }, say("searchWhat"));
  const hint = make("p", { class: "hint" }, say("searchHint"));
  const status = make("p", { class: "dialog-status", role: "status" });
  const list = make("ol", { class: "search-results" });
  const more = make("button", { type: "button", class: "quiet-button", hidden: true }, say("searchMore"));
  const close = make("button", { type: "button", class: "quiet-button" }, say("close"));
  const field = make("div", { class: "field" }, label, input, hint);
  const submit = make("button", { class: "button" }, say("search"));
  const form = make("form", { role: "search" }, field, make("div", { class: "dialog-buttons" }, close, submit));
  const dialog = openDialog(near, say("searchTitle"), form, status, list, more);
  let next;
  let asked = 0; // an answer that comes after a later question is not shown

  async function ask(query, before) {
    const question = ++asked;
    more.hidden = true;
    status.textContent = say("searching");
    try {
      const page = await client.send("search", before ? { query, before } : { query });
      if (question !== asked) return;
      if (!before) list.replaceChildren();
      list.append(...page.results.map(row));
      status.textContent = list.children.length ? "" : say("foundNothing");
      next = { query, before: page.next };
      more.hidden = !page.next;
    } catch (error) {
      if (question === asked) status.textContent = sayError(error);
    }
  }

  function row({ message, snippet }) {
    const text = make("span", { class: "snippet", dir: "auto" });
    text.append(...snippet.map((part) => (part.hit ? make("mark", {}, part.text) : part.text)));
    const place = say("foundIn", { name: isolated(message.user.username), room: isolated(message.roomId) });
    const date = new Date(message.timestamp);
    const time = make("time");
    times.paint(time, date);
    const where = make("span", { class: "hint" }, place, " · ", times.sayDay(date), " ", time);
    const link = make("a", { href: roomPath(message.roomId) }, where, text);
    link.addEventListener("click", (event) => {
      event.preventDefault();
      dialog.close();
      onOpen(message.roomId);
    });
    return make("li", {}, link);
  }

  close.addEventListener("click", () => dialog.close());
  more.addEventListener("click", () => ask(next.query, next.before));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (input.value.trim()) ask(input.value);
  });
}
