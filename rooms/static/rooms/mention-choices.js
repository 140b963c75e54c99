/** Names of members to choose from, above the composer, while one types after an @. */

import { make } from "./dom.js";

const SHOWN = 6;
const TYPED = /(?<![\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}\p{N}])[@＠]([\p{L}\p{M}\p{N}.+\-_]{0,40})$/u;
const KEPT_MS = 60_000; // the members of a room, before they are asked for again

export class MentionChoices {
  #input;
  #list;
  #members;
  #chosen = 0;

  /** `members()` resolves to the usernames of those who can be mentioned. */
  constructor({ input, say, members }) {
    this.#input = input;
    this.#members = members;
    this.#list = make("ul", { class: "mention-choices", id: "mention-choices", role: "listbox", hidden: true });
    this.#list.ariaLabel = say("mentionChoices");
    input.before(this.#list);
    input.setAttribute("aria-controls", this.#list.id);
    input.setAttribute("aria-autocomplete", "list");
    input.addEventListener("input", () => this.#update());
    input.addEventListener("blur", () => this.#close());
    input.addEventListener("keydown", (event) => this.#pressed(event), { capture: true });
    this.#list.addEventListener("pointerdown", (event) => {
      event.preventDefault(); // the input keeps the focus
      const option = event.target.closest("li");
      if (option) this.#take(option.textContent);
    });
  }

  get #typed() {
    const { selectionStart, selectionEnd, value } = this.#input;
    return selectionStart === selectionEnd ? (value.slice(0, selectionStart).match(TYPED)?.[1] ?? null) : null;
  }

  async #update() {
    if (this.#typed === null) return this.#close();
    const names = await this.#members();
    const typed = this.#typed?.toLowerCase(); // as it is now
    if (typed === undefined || this.#input.getRootNode().activeElement !== this.#input) return this.#close();
    const found = names.filter((name) => name.toLowerCase().startsWith(typed)).slice(0, SHOWN);
    this.#list.replaceChildren(...found.map((name, index) => option(name, index)));
    this.#list.hidden = !found.length;
    this.#choose(0);
  }

  #choose(index) {
    const options = [...this.#list.children];
    this.#chosen = options.length ? (index + options.length) % options.length : 0;
    options.forEach((item, place) => item.setAttribute("aria-selected", String(place === this.#chosen)));
    if (options.length) this.#input.setAttribute("aria-activedescendant", options[this.#chosen].id);
    else this.#input.removeAttribute("aria-activedescendant");
  }

  #pressed(event) {
    if (this.#list.hidden || event.isComposing || event.keyCode === 229) return;
    if (event.key === "ArrowDown") this.#choose(this.#chosen + 1);
    else if (event.key === "ArrowUp") this.#choose(this.#chosen - 1);
    else if (event.key === "Escape") this.#close();
    else if ((event.key === "Enter" && !event.shiftKey) || event.key === "Tab") {
      this.#take(this.#list.children[this.#chosen].textContent);
    } else return;
    event.preventDefault();
    event.stopImmediatePropagation(); // Enter sends nothing now
  }

  #take(name) {
    const end = this.#input.selectionStart;
    const begin = end - (this.#typed?.length ?? 0);
    this.#close();
    this.#input.setRangeText(`${name} `, begin, end, "end");
    this.#input.dispatchEvent(new Event("input", { bubbles: true }));
  }

  #close() {
    this.#list.hidden = true;
    this.#list.replaceChildren();
    this.#choose(0);
  }
}

function option(name, index) {
  return make("li", { role: "option", id: `mention-choice-${index}`, dir: "auto" }, name);
}

/** The names of a room's members, those seen in it first, then those on the first page of its members. */
export class MemberNames {
  #client;
  #configuration;
  #known = new Map(); // room → {names, atMs}

  constructor(client, configuration) {
    [this.#client, this.#configuration] = [client, configuration];
  }

  async of(room) {
    const { me } = this.#configuration;
    const seen = [...room.people.values()].filter(({ id }) => id !== me.id).map(({ username }) => username);
    return [...new Set([...seen, ...(await this.#listed(room.name))])].filter((name) => name !== me.username);
  }

  async #listed(roomId) {
    const known = this.#known.get(roomId);
    if (known && Date.now() - known.atMs < KEPT_MS) return known.names;
    const entry = { names: known?.names ?? [], atMs: Date.now() };
    this.#known.set(roomId, entry);
    try {
      const { members } = await this.#client.send("get-members", { roomId });
      entry.names = members.map(({ user }) => user.username);
    } catch {
      // without the list there are those who were seen
    }
    return entry.names;
  }
}
