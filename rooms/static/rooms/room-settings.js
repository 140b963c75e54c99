/** The settings of a room in a dialog: for its moderators, and what its owners alone decide. */

import { openDialog } from "./dialog.js";
import { make } from "./dom.js";
import { OWNER } from "./ranks.js";

const [MAX_TITLE_CHARS, MAX_TOPIC_CHARS] = [200, 250];
const [MINUTE, HOUR] = [60, 3_600]; // seconds
const SLOW_MODES_S = [0, 5, 10, 30, MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 6 * HOUR];

/** `room` is the room whole; `context` is {client, configuration, rank}. */
export function openRoomSettings(near, room, { client, configuration, rank }) {
  const { say, sayError } = configuration;
  const fields = fieldsOf(room, configuration, rank);
  const status = make("p", { class: "dialog-status", role: "status" });
  const button = (key, attributes) => make("button", { type: "button", class: "quiet-button", ...attributes }, say(key));
  const closeRoom = button(room.closed ? "reopenRoom" : "closeRoom", { class: "quiet-button start" });
  const cancel = button("cancel");
  const save = button("save", { type: "submit", class: "button" });
  const buttons = make("div", { class: "dialog-buttons" }, ...(rank >= OWNER ? [closeRoom] : []), cancel, save);
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
  closeRoom.addEventListener("click", () => attempt("close-room", { on: !room.closed }));
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
    choiceField("slowModeS", say("slowMode"), slowModes(room.slowModeS, configuration), room.slowModeS),
    lockField(say("lockRoom"), room.locked),
  ];
  if (rank >= OWNER && room.kind === "private") {
    const histories = new Map([["all", say("historyAll")], ["joined", say("historyJoined")]]);
    fields.push(choiceField("history", say("history"), histories, room.history));
  }
  return fields;
}

/** The usual ones and the one that is set, with their texts. */
function slowModes(current, { language, say }) {
  const shown = [...new Set([...SLOW_MODES_S, current])].sort((a, b) => a - b);
  return new Map(shown.map((seconds) => [seconds, seconds ? sayDuration(seconds, language) : say("off")]));
}

/** In the largest unit that leaves no rest. */
export function sayDuration(seconds, language) {
  const units = [["hour", HOUR], ["minute", MINUTE], ["second", 1]];
  const [unit, length] = units.find(([, length]) => seconds % length === 0);
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(seconds / length);
}

function textField(name, label, value, maxChars) {
  const input = make("input", { id: `settings-${name}`, maxlength: String(maxChars), dir: "auto", autocomplete: "off", value });
  return { name, element: labelled(label, input), value: () => input.value.trim() };
}

/** `choices` are texts by their values. */
function choiceField(name, label, choices, current) {
  const values = [...choices.keys()];
  const options = values.map((value) => make("option", { selected: value === current }, choices.get(value)));
  const select = make("select", { id: `settings-${name}` }, ...options);
  return { name, element: labelled(label, select), value: () => values[select.selectedIndex] };
}

function lockField(label, locked) {
  const input = make("input", { type: "checkbox", checked: locked });
  return { name: "locked", element: make("label", { class: "check" }, input, label), value: () => input.checked };
}

function labelled(label, control) {
  return make("div", { class: "field" }, make("label", { for: control.id }, label), control);
}
