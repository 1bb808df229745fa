# embed.py - makes C strings of the Lua scripts: common.lua stands before each. Meson runs it with its own Python.
import json, os, sys

out, header, *files = sys.argv[1:]
text = lambda path: open(path, encoding="utf-8").read()


def literal(source):
    return "\n".join('\t"%s\\n"' % line.replace("\\", "\\\\").replace('"', '\\"') for line in source.splitlines())


common = next(text(f) for f in files if os.path.basename(f) == "common.lua")
names = [os.path.basename(f)[:-4] for f in files if not f.endswith("common.lua")]
with open(out, "w", encoding="utf-8") as c:
    c.write('/* Made from scripts/ by embed.py. */\n#include "scripts.h"\n')
    for f in files:
        name = os.path.basename(f)[:-4]
        if name != "common":
            c.write("\nconst struct qg_redis_script qg_script_%s = {%s,\n%s};\n"
                    % (name, json.dumps(name), literal(common + text(f))))
    c.write("\nconst struct qg_redis_script *const qg_queue_scripts[] = {%s, NULL};\n"
            % ", ".join("&qg_script_" + n for n in names))
with open(header, "w", encoding="utf-8") as h:
    h.write('/* Made from scripts/ by embed.py. */\n#ifndef QG_QUEUE_SCRIPTS_H\n#define QG_QUEUE_SCRIPTS_H\n\n'
            '#include "qg/queue.h"\n\n')
    for n in names:
        h.write("extern const struct qg_redis_script qg_script_%s;\n" % n)
    h.write("\n#endif\n")
