// Reader of the files of to_json. predict(model, row) returns {label, probabilities}, {labels, probabilities} or {values};
// model = JSON.parse(text); row is an array in the order of model.inputs, or an object with their names.
const { abs, exp, expm1, log, log1p, max, min, PI, sin, sqrt, tanh } = Math, clip = (z, a, b) => min(max(z, a), b);
const sum = a => a.reduce((s, x) => s + x, 0), dot = (a, b) => sum(a.map((x, i) => x * b[i]));
const sigmoid = z => 1 / (1 + exp(-z)), softplus = z => max(z, 0) + log1p(exp(-abs(z))), ramp = z => clip(z + 3, 0, 6) / 6;
const phi = x => { let z = clip(x, -9, 9), t = z, s = z; for (let i = 3; i < 500; i += 2) s += t *= z * z / i; return 0.5 + s * exp(-z * z / 2) / sqrt(2 * PI); };
const elu = a => z => z > 0 ? z : a * expm1(z), softmax = z => { const e = z.map(x => exp(x - max(...z))); return e.map(x => x / sum(e)); };
const f = { identity: z => z, relu: z => max(z, 0), sigmoid, tanh, exp, leaky_relu: z => z > 0 ? z : 0.01 * z, elu: elu(1), softplus,
  selu: z => 1.0507009873554805 * elu(1.6732632423543772)(z), gelu: z => z * phi(z), silu: z => z * sigmoid(z), sine: sin,
  gelu_tanh: z => z * sigmoid(1.5957691216057308 * z * (1 + 0.044715 * z * z)), mish: z => z * tanh(softplus(z)),
  softsign: z => z / (1 + abs(z)), hard_sigmoid: ramp, hard_swish: z => z * ramp(z), hard_tanh: z => clip(z, -1, 1), relu6: z => clip(z, 0, 6) };
const apply = (name, z) => name === "softmax" ? softmax(z) : z.map(f[name]);
function encode(model, row) {
  const numbers = [], flags = [], ones = [];
  model.inputs.forEach((c, i) => {
    const given = Array.isArray(row) ? row[i] : row[c.name], v = typeof given === "boolean" ? +given : given, no = v == null || v !== v;
    if (c.categories) [...c.categories, ...(c.rare ? [0] : [])].forEach((each, k) => ones.push(
      +(!no && (k < c.categories.length ? each === v : !c.categories.includes(v)))));
    else { numbers.push(no && "mean" in c ? c.mean : no ? NaN : v); if (c.indicator) flags.push(+no); }
  });
  return [...numbers, ...flags, ...ones];
}
function outputs(model, net, x) { // before the link
  const z = x.map((v, i) => net.mean ? (v - net.mean[i]) / net.deviation[i] : v * model.scale), b = model.bins;
  let a = z.map((v, i) => i < model.clipped ? v / sqrt(1 + v * v / 9) : v);
  if (b) a = a.concat(b.sources.map((s, j) => clip((z[s] - b.lower[j]) * b.factor[j], b.low[j], b.high[j])));
  net.layers.forEach((layer, k) => {
    let u = layer.weight.map(w => dot(w, a));
    if (layer.norm === "layer") { const m = sum(u) / u.length; u = u.map(v => v - m); }
    if (layer.norm) { const r = sqrt(dot(u, u) / u.length + 1e-5); u = u.map((v, j) => layer.gain[j] * v / r); }
    if (layer.bias) u = u.map((v, j) => v + layer.bias[j]);
    a = k === net.layers.length - 1 ? u : apply(layer.activation, u).map((v, j) => layer.residual ? v + a[j] : v);
  });
  return a;
}
function predict(model, row) {
  const x = encode(model, row), { form, link, classes, factor, shift, temperature: T } = model, one = form === "classes" && link === "sigmoid";
  const found = model.networks.map(net => {
    let z = outputs(model, net, x), total = 0;
    if (form === "ordinal") return z.map((v, j) => sigmoid(total += j ? -softplus(v) : v));
    z = one && z.length === 1 ? [sigmoid(-z[0]), sigmoid(z[0])] : apply(link, z);
    if (factor) z = z.map((v, j) => v * factor[j] + shift[j]);
    return form === "quantile" ? z.sort((a, b) => a - b) : z;
  });
  const mean = g => found[0].map((_, j) => sum(found.map((z, i) => model.networks[i].share * g(z, j)))), n = found[0].length / 2;
  let p = mean((z, j) => z[j]);
  if (p.some(v => !Number.isFinite(v))) throw new Error("a number of the row is missing, or an output is not finite");
  if (form === "gaussian") return { values: p.slice(0, n), deviations: mean((z, j) => j < n ? 0 : exp(z[j]) + z[j - n] ** 2)
    .map((v, j) => sqrt(max(v - p[j - n] ** 2, 0))).slice(n) };
  if (!classes) return { values: p };
  if (form === "labels") return { labels: p.map(v => +(v >= 0.5)), probabilities: p };
  if (form === "ordinal") return { label: classes[p.filter(v => v >= 0.5).length], probabilities: [1, ...p].map((v, j) => v - (p[j] ?? 0)) };
  if (T !== 1) p = softmax(p.map(v => log(v) / T));
  return { label: classes[one && p.length === 2 ? +(p[1] >= 0.5) : p.indexOf(max(...p))], probabilities: p };
}
if (typeof module !== "undefined") module.exports = { predict };
