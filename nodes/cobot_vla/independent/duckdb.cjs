// node - SET: the frames of a LeRobot data set as DuckDB reads them, a line of JSON each.
const { DuckDBInstance, version } = require("@duckdb/node-api");
const fs = require("fs");

async function main(set) {
  const info = JSON.parse(fs.readFileSync(set + "/meta/info.json"));
  const v3 = info.codebase_version.startsWith("v3");
  const meta = (name) => (v3 ? `read_parquet('${set}/meta/${name}.parquet')` : `read_json('${set}/meta/${name}.jsonl')`);
  const pictures = Object.keys(info.features).filter((name) => info.features[name].dtype === "image");
  const columns = pictures.map((name) => `'${name.replace("observation.images.", "")}': md5(d."${name}".bytes)`);
  const db = await (await DuckDBInstance.create(":memory:")).connect();
  process.stdout.write(JSON.stringify({ reader: "DuckDB " + version().replace("v", "") }) + "\n");
  const result = await db.stream(`
    SELECT d.episode_index::INTEGER AS episode, d.frame_index::INTEGER AS frame, d.index::INTEGER AS number, d.timestamp AS timestamp,
      t.task AS task, e.tasks[1] AS episode_task, e.length::INTEGER AS length,
      ${v3 ? "e.dataset_from_index::INTEGER" : "(d.index - d.frame_index)::INTEGER"} AS "from",
      d."observation.state" AS state, d."observation.velocity" AS velocity, d."observation.effort" AS effort, d.action AS action,
      {${columns.join(", ")}} AS pictures
    FROM read_parquet('${set}/data/*/*.parquet') d
    JOIN ${meta("tasks")} t USING (task_index)
    JOIN ${v3 ? meta("episodes/*/*") : meta("episodes")} e USING (episode_index)
    ORDER BY d.index`);
  for await (const rows of result.yieldRowObjectJson()) {
    for (const row of rows) process.stdout.write(JSON.stringify(row) + "\n");
  }
}

main(process.argv[2]).catch((error) => {
  console.error(String(error));
  process.exit(1);
});
