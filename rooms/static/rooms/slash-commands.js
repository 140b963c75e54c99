/** Slash commands in the composer: what a text is shown as, and the commands that begin with what was written so far. */

import { make } from "./dom.js";

const COMMAND = /^\/(\p{L}[\p{L}\p{M}\p{N}_-]{0,31})(?:\s+([^]*))?$/u; // as the server reads it
const BEGINNING = /^\/[\p{L}\p{M}\p{N}_-]*$/u;
const OWN = new Map([
  ["me", "commandMe"], ["topic", "commandTopic"], ["invite", "commandInvite"], ["mute", "commandMute"], ["help", "commandHelp"],
]);
const USAGE = new Map([["me", "usageMe"], ["topic", "usageTopic"], ["invite", "usageInvite"], ["mute", "usageMute"]]);
const DONE = new Set(["topic", "invite", "mute"]);

/** What the message that this text becomes is shown as, before the server has it: {content, kind?}. */
export function shownAs(content, { slashCommands }) {
  if (!slashCommands) return { content };
  if (content.startsWith("//")) return { content: content.slice(1) };
  const [, name, text = ""] = content.match(COMMAND) ?? [];
  return name?.toLowerCase() === "me" ? { content: text.trimEnd(), kind: "action" } : { content };
}

/** What a command answered: what the chat itself has done in the reader's language, if it was more than a question. */
export function sayResult({ command, text }, written, { say }) {
  const hasArguments = /\s\S/.test(written ?? "");
  return DONE.has(command) && hasArguments ? say("commandDone", { command: written.trim() }) : text;
}

/** The list above the composer. */
export class CommandHints {
  #place;
  #configuration;
  #client;
  #onChoose;
  #known = new Map(); // room → a promise of its commands
  #asked = 0;

  /** `place` is an empty element; `onChoose(text)` is called with the beginning of the command that was chosen. */
  constructor({ place, client, configuration, onChoose }) {
    [this.#place, this.#client, this.#configuration, this.#onChoose] = [place, client, configuration, onChoose];
  }

  /** Shows those that begin with this text; none for any other text. */
  async show(room, text) {
    const asked = ++this.#asked;
    const isBeginning = this.#configuration.slashCommands && BEGINNING.test(text);
    const commands = isBeginning ? await this.#commands(room) : [];
    if (asked !== this.#asked) return; // another text was written meanwhile
    const found = commands.filter(({ name }) => name.startsWith(text.slice(1).toLowerCase()));
    this.#place.replaceChildren(...found.map((command) => this.#row(command)));
    this.#place.hidden = !found.length;
  }

  /** They are asked for once for each room; after a failure again with the next letter. */
  #commands(room) {
    if (!this.#known.has(room)) {
      const answer = this.#client.send("get-commands", { roomId: room }).then(({ commands }) => commands);
      this.#known.set(room, answer.catch(() => (this.#known.delete(room), [])));
    }
    return this.#known.get(room);
  }

  #row({ name, usage = "", help }) {
    const { say } = this.#configuration;
    const shown = USAGE.has(name) ? say(USAGE.get(name)) : usage;
    const what = OWN.has(name) ? say(OWN.get(name)) : help;
    const button = make("button", { type: "button", class: "command" }, make("strong", {}, `/${name}`), ` ${shown}`, make("span", {}, what));
    button.addEventListener("click", () => this.#onChoose(`/${name} `));
    return make("li", {}, button);
  }
}
