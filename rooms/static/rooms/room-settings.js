/** The settings of a room in a dialog: for its moderators, and what its owners alone decide. */

import { openDialog } from "./dialog.js";
import { make } from "./dom.js";
import { OWNER } from "./ranks.js";

const [MAX_TITLE_CHARS, MAX_TOPIC_CHARS] = [200, 250];
const SLOW_MODES_S = [0, 5, 10, 30, 60, 300, 900, 3_600, 21_600];

/** `room` is the room whole; `context` is {client, configuration, rank}. */
export function openRoomSettings(near, room, { client, configuration, rank }) {
  const { say, sayError } = configuration;
  const fields = fieldsOf(room, configuration, rank);
  const status = make("p", { class: "dialog-status", role: "status" });
  const cancel = make("button", { type: "button", class: "quiet-button" }, say("cancel"));
  const save = make("button", { class: "button" }, say("save"));
  const buttons = make("div", { class: "dialog-buttons" }, cancel, save);
  const close = make("button", { type: "button", class: "quiet-button start" }, say(room.closed ? "reopenRoom" : "closeRoom"));
  if (rank >= OWNER) buttons.prepend(close);
  const form = make("form", {}, ...fields.map(({ element }) => element), status, buttons);
  const dialog = openDialog(near, say("roomSettings"), form);
  const attempt = async (type, values) => {
    try {
      await client.send(type, { roomId: room.id, ...values });
      dialog.close();
    } catch (error) {
      status.textContent = sayError(error);
    }
  };
  cancel.addEventListener("click", () => dialog.close());
  close.addEventListener("click", () => attempt("close-room", { on: !room.closed }));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const changed = fields.map(({ name, value }) => [name, value()]).filter(([name, value]) => value !== room[name]);
    if (changed.length) attempt("update-room", Object.fromEntries(changed));
    else dialog.close();
  });
}

/** Each is {name, element, value()}, by the name of the field in the command. */
function fieldsOf(room, configuration, rank) {
  const { say } = configuration;
  const fields = [
    textField("title", say("roomTitle"), room.title, MAX_TITLE_CHARS),
    textField("topic", say("roomTopic"), room.topic, MAX_TOPIC_CHARS),
    choiceField("slowModeS", say("slowMode"), slowModes(room.slowModeS, configuration), room.slowModeS, Number),
    lockField(say("lockRoom"), room.locked),
  ];
  const histories = [["all", say("historyAll")], ["joined", say("historyJoined")]]; // prettier-ignore
  if (rank >= OWNER && room.kind === "private") fields.push(choiceField("history", say("history"), histories, room.history, String));
  return fields;
}

function slowModes(current, { language, say }) {
  const shown = [...new Set([...SLOW_MODES_S, current])].sort((a, b) => a - b);
  return shown.map((seconds) => [seconds, seconds ? sayDuration(seconds, language) : say("off")]);
}

/** In the largest unit that leaves no rest. */
function sayDuration(seconds, language) {
  const [unit, value] = seconds % 3_600 === 0 ? ["hour", seconds / 3_600] : seconds % 60 === 0 ? ["minute", seconds / 60] : ["second", seconds];
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(value);
}

function textField(name, label, value, maxChars) {
  const input = make("input", { id: `settings-${name}`, maxlength: String(maxChars), dir: "auto", autocomplete: "off", value });
  return { name, element: labelled(label, input), value: () => input.value.trim() };
}

function choiceField(name, label, choices, current, read) {
  const options = choices.map(([value, text]) => make("option", { value: String(value), selected: value === current }, text));
  const select = make("select", { id: `settings-${name}` }, ...options);
  return { name, element: labelled(label, select), value: () => read(select.value) };
}

function lockField(label, locked) {
  const input = make("input", { type: "checkbox", checked: locked });
  return { name: "locked", element: make("label", { class: "check" }, input, label), value: () => input.checked };
}

function labelled(label, control) {
  return make("div", { class: "field" }, make("label", { for: control.id }, label), control);
}
