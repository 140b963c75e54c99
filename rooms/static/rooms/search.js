/** Searching people by name and the messages of my rooms, in a dialog: lists of what was found. */

import { paintAvatar } from "./avatar.js";
import { isolated } from "./configuration.js";
import { openDialog } from "./dialog.js";
import { make } from "./dom.js";
import { roomPath } from "./room-list.js";
import { Times } from "./times.js";

const MAX_CHARS = 200;
const MAX_NAME = 150;

/** Opens the dialog; `onOpen(name)` is called for the room of a message that was chosen, `onPerson(user)` for a person. */
export function openSearch(near, { client, configuration, onOpen, onPerson }) {
  const { say, sayError } = configuration;
  const times = new Times(configuration);
  const input = make("input", { id: "search-input", type: "search", maxlength: String(MAX_CHARS), dir: "auto" });
  const label = make("label", { for: "search-input" }, say("searchWhat"));
  const hint = make("p", { class: "hint" }, say("searchHint"));
  const status = make("p", { class: "dialog-status", role: "status" });
  const people = make("ul", { class: "search-people", "aria-label": say("searchPeople") });
  const list = make("ol", { class: "search-results" });
  const more = make("button", { type: "button", class: "quiet-button", hidden: true }, say("searchMore"));
  const close = make("button", { type: "button", class: "quiet-button" }, say("close"));
  const field = make("div", { class: "field" }, label, input, hint);
  const submit = make("button", { class: "button" }, say("search"));
  const form = make("form", { role: "search" }, field, make("div", { class: "dialog-buttons" }, close, submit));
  const dialog = openDialog(near, say("searchTitle"), form, people, status, list, more);
  let next;
  let asked = 0; // an answer that comes after a later question is not shown

  async function ask(query, before) {
    const question = ++asked;
    more.hidden = true;
    status.textContent = say("searching");
    try {
      const [page, users] = await Promise.all([
        client.send("search", before ? { query, before } : { query }),
        before ? null : usersNamed(query),
      ]);
      if (question !== asked) return;
      if (users) {
        people.replaceChildren(...users.map(person));
        list.replaceChildren();
      }
      list.append(...page.results.map(row));
      status.textContent = list.children.length || people.children.length ? "" : say("foundNothing");
      next = { query, before: page.next };
      more.hidden = !page.next;
    } catch (error) {
      if (question === asked) status.textContent = sayError(error);
    }
  }

  async function usersNamed(query) {
    const beginning = query.trim().replace(/^@(?=.)/, "").slice(0, MAX_NAME);
    return (await client.send("find-users", { query: beginning })).users;
  }

  function person(user) {
    const avatar = make("span", { class: "avatar", "aria-hidden": "true" });
    paintAvatar(avatar, user);
    const button = make("button", { type: "button", class: "quiet-button" }, avatar, isolated(user.username));
    button.addEventListener("click", () => {
      dialog.close();
      onPerson(user, near);
    });
    return make("li", {}, button);
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
