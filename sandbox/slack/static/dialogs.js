// Dialogs: asking before an act, and the shell of modals. <dialog> keeps the focus inside by itself.

import { freshId, h, iconButton } from "./dom.js";
import { textOf } from "./elements.js";
import { say } from "./words.js";

/** Ask what a `confirm` object asks; true when the person says yes. */
export function confirmDialog(confirm, ctx) {
  const [titleId, textId] = [freshId(), freshId()];
  const yes = h(
    "button",
    { type: "button", class: `button large ${confirm.style ?? "primary"}` },
    textOf(confirm.confirm, ctx),
  );
  const no = h(
    "button",
    { type: "button", class: "button large plain" },
    textOf(confirm.deny, ctx),
  );
  const cross = iconButton("close", say("close"), () => dialog.close());
  const dialog = h(
    "dialog",
    {
      class: "dialog confirm",
      role: "alertdialog",
      "aria-labelledby": titleId,
      "aria-describedby": textId,
    },
    h(
      "header",
      { class: "dialog-head" },
      h("h2", { id: titleId }, textOf(confirm.title, ctx)),
      cross,
    ),
    h("div", { class: "dialog-body", id: textId }, textOf(confirm.text, ctx)),
    h("footer", { class: "dialog-foot" }, no, yes),
  );
  let answer = false;
  yes.addEventListener("click", () => {
    answer = true;
    dialog.close();
  });
  no.addEventListener("click", () => dialog.close());
  return show(dialog, yes).then(() => answer);
}

/** Open a dialog; resolves when it has been closed, with the focus back where it was. */
export function show(dialog, first) {
  const before = document.activeElement;
  const key = before?.dataset?.focus;
  document.body.append(dialog);
  dialog.showModal();
  first?.focus();
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      const again = before?.isConnected
        ? before
        : key && document.querySelector(`[data-focus="${CSS.escape(key)}"]`);
      if (again) again.focus?.({ preventScroll: true });
      resolve();
    });
  });
}
