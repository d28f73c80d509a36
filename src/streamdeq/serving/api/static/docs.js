// The page of the interface: what /openapi.json says, without anything from elsewhere.
const add = (parent, name, text, kind) => {
  const one = document.createElement(name);
  if (text) one.textContent = text;
  if (kind) one.className = kind;
  parent.append(one);
  return one;
};
history.replaceState(null, "", location.pathname);
const described = await (await fetch("openapi.json")).json();
const resolve = schema => schema?.$ref ? described.components.schemas[schema.$ref.split("/").at(-1)] : schema;
document.getElementById("about").textContent = described.info.description;
for (const [path, methods] of Object.entries(described.paths))
  for (const [method, operation] of Object.entries(methods)) {
    const box = add(document.getElementById("operations"), "div", "", "operation");
    add(box, "span", method.toUpperCase(), "method");
    add(box, "code", path);
    add(box, "p", operation.description ?? operation.summary);
    for (const one of operation.parameters ?? [])
      if (one.in === "query") add(box, "p", `?${one.name}  ${one.description ?? ""}`);
    const body = resolve(operation.requestBody?.content["application/json"]?.schema);
    if (body?.properties)
      add(box, "pre", Object.entries(body.properties)
        .map(([name, one]) => `${name}${body.required?.includes(name) ? " (required)" : ""}` +
          ("default" in one ? ` = ${JSON.stringify(one.default)}` : "") + (one.description ? `  ${one.description}` : ""))
        .join("\n"));
  }
