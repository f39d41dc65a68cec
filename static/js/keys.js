// Security keys (WebAuthn): asks the browser for what the page's button says, and sends it.
const { create, get } = window.webauthnJSON;

/** What the server wants asked, as json_script put it into the page. */
function asked() {
  return JSON.parse(document.getElementById("js_data").textContent);
}

for (const button of document.querySelectorAll("[data-key]")) {
  button.addEventListener("click", async () => {
    const options = asked();
    try {
      const made =
        button.dataset.key === "create"
          ? await create(options.creation_options)
          : await get(options.request_options);
      button.form.elements.credential.value = JSON.stringify(made);
      button.form.submit();
    } catch {
      // Whoever has put it off, or has another key, reads so; why is the browser's secret.
      document.getElementById("key_failed").hidden = false;
    }
  });
}
