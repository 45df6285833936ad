// Reads {columns, num, conditions} and prints, for each condition, its mask or null for an error.
for (const name of ["where_parser.js", "where.js"]) require(`${process.argv[2]}/${name}`);
const { columns, num, conditions } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const read = pairgen.where.decode(columns);
const found = conditions.map((text) => {
  try {
    return pairgen.where.mask(text, read, num);
  } catch (error) {
    if (error instanceof pairgen.where.WhereError) return null;
    throw error;
  }
});
console.log(JSON.stringify(found));
