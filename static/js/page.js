// Every page: fields checked while one types, menus that close, steppers. Nothing here is needed to read or to send.
function check(control) {
  const field = control.closest("[data-field]");
  const slot = field && field.querySelector(".field__error");
  if (!slot || control.type === "hidden") return;
  const bad = !control.checkValidity();
  control.setAttribute("aria-invalid", bad ? "true" : "false");
  slot.textContent = bad ? control.validationMessage : "";
}

document.addEventListener("focusout", (event) => {
  if (event.target.matches("input, select, textarea") && event.target.value !== "") check(event.target);
});

document.addEventListener("input", (event) => {
  if (event.target.getAttribute("aria-invalid") === "true") check(event.target);
});

document.addEventListener("click", (event) => {
  for (const popup of document.querySelectorAll("details.popup[open]")) {
    if (!popup.contains(event.target)) popup.open = false;
  }
  const step = event.target.closest("[data-step]");
  if (step) {
    const input = step.closest(".stepper").querySelector("input");
    if (Number(step.dataset.step) > 0) input.stepUp();
    else input.stepDown();
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const popup of document.querySelectorAll("details.popup[open]")) {
    popup.open = false;
    popup.querySelector("summary").focus();
  }
});

// Forms marked data-submit-on-change send themselves when a choice is made.
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-submit-on-change]");
  if (form) form.requestSubmit();
});

// htmx: send Django's token, and say it when a request fails.
document.addEventListener("htmx:configRequest", (event) => {
  const token = document.querySelector("input[name=csrfmiddlewaretoken]");
  if (token) event.detail.headers["X-CSRFToken"] = token.value;
});
