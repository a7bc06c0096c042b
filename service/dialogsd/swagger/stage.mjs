// Puts together the directory that dialogsd serves as /swagger/:
// node stage.mjs MODULES SOURCE DOCUMENT OUT, MODULES being where npm installed package.json.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join, resolve } from 'node:path';

const [modules, source, document, out] = process.argv.slice(2).map((path) => resolve(path));
const yaml = createRequire(join(modules, 'package.json'))('js-yaml');
const page = join(modules, 'node_modules', 'swagger-ui-dist');

mkdirSync(out, { recursive: true });
const copy = (from) => copyFileSync(from, join(out, basename(from)));
for (const name of ['swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png', 'LICENSE', 'NOTICE'])
  copy(join(page, name));
for (const name of ['index.html', 'page.js', 'page.css'])
  copy(join(source, name));
copy(document);
writeFileSync(join(out, 'openapi.json'), JSON.stringify(yaml.load(readFileSync(document, 'utf8'))));
