// Django's back office: names for parts that it draws by scripts, for who cannot see them.

/** The box that stands for a field to search in is called what the field is. */
function named(box) {
  const field = box.closest(".select2")?.previousElementSibling;
  const label = field && document.querySelector(`label[for="${field.id}"]`);
  if (!label) return;
  label.id ||= `${field.id}-label`;
  box.setAttribute("aria-labelledby", `${label.id} ${box.getAttribute("aria-labelledby") ?? ""}`.trim());
  box.querySelector("[role=textbox]")?.setAttribute("aria-labelledby", label.id);
}

window.addEventListener("load", () => {
  for (const icon of document.querySelectorAll(".help-tooltip[aria-label]")) icon.setAttribute("role", "img");
  for (const box of document.querySelectorAll(".select2-selection[role=combobox]")) named(box);
});
