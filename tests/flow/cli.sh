#!/bin/sh
# The command line of the real program: verbs, exit codes, what it says, what it writes. Prints "ok NAME" or
# "FAIL NAME" a test; exit 1 if anything failed. usage: cli.sh PATH-OF-QUNGONG
bin=$(realpath "${1:?path of qungong}") || exit 2
root=$(cd "$(dirname "$0")/../.." && pwd)
export QUNGONG_TEMPLATES="$root/templates"
here=$(mktemp -d) || exit 2
cd "$here" || exit 2
failed=0
trap 'rm -rf "$here"' EXIT

# try NAME CODE ARGUMENTS...: runs the program without a terminal and compares the exit code.
try() {
	name=$1
	want=$2
	shift 2
	"$bin" "$@" >out 2>err </dev/null
	got=$?
	if [ "$got" -ne "$want" ]; then
		failed=1
		echo "FAIL $name: exit code $got, not $want"
		sed 's/^/     /' err | head -n 5
		return 1
	fi
	echo "ok   $name"
}

# says NAME WORDS [FILE]: the output of the last run (or FILE) holds the words.
says() {
	if grep -qF -- "$2" "${3:-out}"; then
		echo "ok   $1"
	else
		failed=1
		echo "FAIL $1: no '$2' in ${3:-out}"
		sed 's/^/     /' "${3:-out}" | head -n 5
	fi
}

# holds NAME COMMAND...: the command succeeds.
holds() {
	name=$1
	shift
	if "$@" >/dev/null 2>&1; then
		echo "ok   $name"
	else
		failed=1
		echo "FAIL $name"
	fi
}

# ---- verbs ----
try "no verb is wrong use" 2
says "and lists the verbs" "templates" err
try "help" 0 help
try "help of a verb" 0 help run
says "names its flags" "--admin-listen"
try "a verb's --help" 0 hire --help
try "an unknown verb is wrong use" 2 chekc
says "with a suggestion" "did you mean 'check'" err
for verb in records backup restore export erase login audit; do
	try "'$verb' is refused by name" 2 $verb
	says "and says so" "not built into this version" err
done
try "an unknown flag is wrong use" 2 check --shcema
says "with a suggestion for the flag" "did you mean '--schema'" err
try "a flag without its value" 2 run --role
try "a role that is none" 2 run --role both
try "-c without a file" 2 check -c
try "a word too many" 2 version now
try "version" 0 version
says "says what is built in" "platforms: web, feishu"
try "version as JSON, --json first" 0 --json version
says "is JSON" '"platforms":"web, feishu'

# ---- check ----
try "check without a config" 2 check
mkdir broken
cat >broken/qungong.yaml <<'Y'
listen: 127.0.0.1:0
lisen: 127.0.0.1:1
bots:
  - name: a
    template: restaurant
    answers: {shop_name: 小满, phone: "1", hours: 早}
    platform: slack
  - name: b
    template: restorant
    platform: web
  - name: c
    template: restaurant
    platform: web
    answers: {shop_nam: 小满, phone: "1", hours: 早}
    scope: thread
  - name: d
    template: restaurant
    platform: web
    answers: {shop_name: 小满, phone: "1", hours: 早}
    scope: thread
Y
mkdir members
cat >members/qungong.yaml <<'Y'
bots:
  - name: a
    template: restaurant
    platform: web
    answers: {shop_name: 小满, phone: "1", hours: 早}
    members:
      小明: {secret: s, admn: true}
      "小\u200b红": s-hong
      小刚: 12345
Y
try "a broken config" 2 check -c broken/qungong.yaml
says "names the unknown key with line and column" "broken/qungong.yaml:2:1: lisen:"
says "suggests the right one" "did you mean 'listen'"
says "lists what platforms there are" "broken/qungong.yaml:7:15: bots[0].platform: 'slack' is not one of"
says "suggests a template" "did you mean 'restaurant'"
says "suggests an answer" "did you mean 'shop_name'"
says "names the missing answer" "'shop_name'"
says "knows what a platform cannot do" "bots[3].scope:"
try "members that cannot log in" 2 check -c members/qungong.yaml
says "names the one with a wrong secret" "members/qungong.yaml:7:11: bots[0].members.小明: expected a secret"
says "and the one nobody could type" "members/qungong.yaml:8:"
holds "and never a secret" sh -c '! grep -q s-hong out err'
mkdir feishu
cat >feishu/qungong.yaml <<'Y'
bots:
  - name: bare
    template: restaurant
    platform: feishu
    answers: {shop_name: 小满, phone: "1", hours: 早}
  - name: blank
    template: restaurant
    platform: feishu
    answers: {shop_name: 小满, phone: "1", hours: 早}
    app_id: "cli_1 "
    app_secret: hush-hush
  - name: open
    template: restaurant
    platform: feishu
    answers: {shop_name: 小满, phone: "1", hours: 早}
    app_id: cli_2
    app_secret: hush-hush
    transport: webhook
  - name: unsigned
    template: restaurant
    platform: feishu
    answers: {shop_name: 小满, phone: "1", hours: 早}
    app_id: cli_3
    app_secret: hush-hush
    transport: webhook
    verification_token: hush-hush
  - name: stream
    template: restaurant
    platform: feishu
    answers: {shop_name: 小满, phone: "1", hours: 早}
    app_id: cli_4
    app_secret: hush-hush
    transport: stream
    domain: larksuite
Y
try "Feishu bots that cannot work" 2 check -c feishu/qungong.yaml
says "name the id that is missing" "bots[0]: 'app_id' is missing"
says "and the secret" "bots[0]: 'app_secret' is missing"
says "a blank from copying" "feishu/qungong.yaml:10:13: bots[1].app_id"
says "a webhook that anybody could call" "feishu/qungong.yaml:18:16: bots[2].transport"
says "and where its keys are" "「事件与回调」→「加密策略」"
says "one without signatures is warned of" "warning: bots[3].verification_token"
says "a transport of another platform" "bots[4].transport: 'stream' is not one of: websocket, webhook"
says "a domain that is none" "bots[4].domain: 'larksuite' is not one of: feishu, lark"
holds "and no secret is shown" sh -c '! grep -q hush out err'
try "the same as JSON" 2 check -c broken/qungong.yaml --json
says "is JSON too" '"ok":false'
try "run refuses it" 2 run -c broken/qungong.yaml
mkdir -p odd/bots.d
echo 'listen: 127.0.0.1:0' >odd/qungong.yaml
printf 'bots: [{name: "\\e[31ma\\u009b2Jb\\u202ec", template: ../../odd, platform: web}]\n' >odd/bots.d/a.yaml
mkfifo odd/bots.d/pipe.yaml
try "a hostile bots.d" 2 check -c odd/qungong.yaml
says "names the bad name without what steers a terminal" "' [31ma 2Jb c' may hold only"
says "a template's id leads nowhere else" "there is no template '../../odd'"
says "a pipe holds nobody up" "odd/bots.d/pipe.yaml: cannot be read: it is not a plain file"
try "the schema" 0 check --schema
says "is a schema" '"admin_listen"'
holds "and JSON" python3 -m json.tool out

# ---- templates ----
try "templates" 0 templates
says "lists the restaurant" "restaurant"
try "one in detail" 0 templates restaurant
says "shows its interview" "shop_name"
try "one as JSON" 0 templates restaurant --json
holds "is JSON" python3 -m json.tool out
try "one that is not there" 2 templates restorant
try "a skeleton" 0 templates --new mine
try "the skeleton's own cases hold" 0 test template:mine
try "never over one that is there" 1 templates --new mine
try "a bad id" 2 templates --new 'My/Role'

# ---- hire ----
try "hire without the answers" 2 hire restaurant --name xiaoman
holds "leaves no file" test ! -e bots.d/xiaoman.yaml
try "hire" 0 hire restaurant --name xiaoman --answers shop_name=小满 --answers 'phone=$5 #"1"' --answers hours=早10点
holds "wrote the file" test -f bots.d/xiaoman.yaml
try "what it wrote is right" 0 check
says "and one bot is one" "ok, 1 bot"
holds "not 1 bots" sh -c '! grep -q "1 bots" out'
printf '我要投诉\n' | "$bin" chat xiaoman --json >out 2>err
says "the answers came through with their odd characters" '$5 #\"1\"'
cp bots.d/xiaoman.yaml before
try "hire never overwrites" 1 hire restaurant --name xiaoman --answers shop_name=a --answers phone=b --answers hours=c
holds "the file is as it was" cmp before bots.d/xiaoman.yaml
try "hire with a question nobody asked" 2 hire restaurant --name x --answers shop=1
try "hire with a bad name" 2 hire restaurant --name Big --answers shop_name=a --answers phone=b --answers hours=c
try "hire on a platform not built" 2 hire restaurant --name x --platform slack
try "hire of no template" 2 hire restorant --name x
says "suggests one" "did you mean 'restaurant'" err
printf '小满\n021\n十点\n' | "$bin" hire restaurant --name piped >out 2>err
says "an interview from a pipe" "bots.d/piped.yaml"

# what is missing is said at once, not one line a try
try "hire on Feishu with nothing given" 2 hire restaurant --platform feishu --name front
for key in app_id app_secret shop_name phone hours; do
	says "names $key" "$key" err
done
holds "and no key of the other transport" sh -c '! grep -q encrypt_key err'
try "hire on Feishu by webhook" 2 hire restaurant --platform feishu --name front --answers transport=webhook
for key in app_id app_secret encrypt_key verification_token; do
	says "names $key" "$key" err
done
printf 'secret\n小满\n021\n十点\n' | "$bin" hire restaurant --platform feishu --name lark --json \
	--answers app_id=cli_5 --answers domain=lark --answers api_base=http://127.0.0.1:1 >out 2>err
says "Lark, from a pipe" '"platform":"feishu"'
says "with what is left to do there" "使用长连接接收事件"
holds "and where" grep -q 'domain: "lark"' bots.d/lark.yaml
holds "its secret in a file of its own" grep -qx secret secrets/lark.app_secret
try "doctor where nobody answers" 1 doctor
says "says so of the bot" "没连上飞书"
rm bots.d/lark.yaml secrets/lark.app_secret
rmdir secrets
try "a secret in sight and an answer to nobody" 2 hire restaurant --platform feishu --name front \
	--answers app_id=cli_a --answers app_secret=visible --answers shop=1
says "both are said" "app_secret: a secret is not given" err
says "in one run" "does not ask for 'shop'" err
holds "and nothing is left" sh -c '! ls bots.d/front* secrets 2>/dev/null | grep -q .'

# on a terminal what was refused is asked again, and nothing else
mkdir again
cat >terminal.py <<'P'
# terminal.py FOLDER PROGRAM ARGUMENTS...: types a line of standard input at each prompt, as a person at a terminal does
import os, pty, sys
answers = sys.stdin.read().split("\n")
child, fd = pty.fork()
if child == 0:
    os.chdir(sys.argv[1])
    os.execv(sys.argv[2], sys.argv[2:])
seen, shown = b"", b""
while True:
    try:
        data = os.read(fd, 4096)
    except OSError:
        break
    if not data:
        break
    seen += data
    shown += data
    if shown.endswith(b"> ") and answers:
        shown = b""
        os.write(fd, answers.pop(0).encode() + b"\n")
sys.stdout.buffer.write(seen.replace(b"\r", b""))
P
if python3 -c 'import os; os.openpty()' 2>/dev/null; then
printf 'cli_%070d\nsecret\n\n\n\nkey\n\n小满\n021\n十点\n\n\n\n\ncli_short\n' 0 |
	python3 terminal.py again "$bin" hire restaurant --platform feishu --name front \
		--answers api_base=http://127.0.0.1:1 --answers transport=webhook >out 2>err
says "one of two keys is demanded at once" "两样至少要填一样"
says "what was refused is asked again" "配置没有通过"
says "and then it is hired" "front 已写入"
says "with its webhook" "/hook/front"
holds "and the right id" grep -q '"cli_short"' again/bots.d/front.yaml
holds "the secret was kept" grep -qx secret again/secrets/front.app_secret
holds "once" sh -c 'test "$(ls again/secrets | wc -l)" = 2'
says "and how to get another code" "qungong bind front"
try "bind" 0 bind front -c again/qungong.yaml --json
says "prints what to send" '"say":"/绑定 '
holds "six digits" grep -Eq '"code":"[0-9]{6}"' out
try "bind for people" 0 bind front -c again/qungong.yaml
says "says where" "单聊"
try "bind needs a bot" 2 bind
try "of the config" 2 bind nobody
else
	echo "skip what is typed at a terminal: none can be opened here"
fi

# a new bot asks the models there are
mkdir models
cat >models/qungong.yaml <<'Y'
listen: 127.0.0.1:0
admin_listen: 127.0.0.1:0
models:
  main: {provider: deepseek, api_key: k}
  far: {provider: openai, api_key: k}
  spare: {provider: qwen, api_key: k}
bots:
  - {name: w, template: restaurant, platform: web, mask: [], answers: {shop_name: a, phone: b, hours: c}}
Y
try "check with endpoints that no bot names" 0 check -c models/qungong.yaml
says "says so" "no bot names endpoint 'main', so it is never asked"
printf '小满\n021\n十点\n' | "$bin" hire restaurant --name asks -c models/qungong.yaml >out 2>err
says "hire says which models it asks" "main → spare"
holds "and writes them, in order, none abroad" grep -q 'models: \["main", "spare"\]' models/bots.d/asks.yaml
try "check" 0 check -c models/qungong.yaml
says "says what mask does not hide" "goes to DeepSeek, 通义千问 as it stands, with phone, id_card, bank_card"
holds "once" sh -c 'test "$(grep -c "mask has no effect" out)" = 1'
try "bind on the web" 2 bind w -c models/qungong.yaml
says "says what to do there" "members" err
# a model without a price under the template's budget
sed -i 's/main: .*/main: {provider: deepseek, model: nobody-knows-it, api_key: k, price: {input: 1, output: 1, currency: USD}}/' models/qungong.yaml
rm models/bots.d/asks.yaml
printf '小满\n021\n十点\n' | "$bin" hire restaurant --name asks -c models/qungong.yaml >out 2>err
says "a model it may not ask is no reason not to hire it" "asks 已写入"
holds "without it" sh -c '! grep -q models: models/bots.d/asks.yaml'

# ---- chat, test ----
printf '有停车位吗\n/help\n' | "$bin" chat xiaoman >out 2>err
says "chat answers" "三小时"
says "with its cost" "offline · 0 tokens"
try "chat with nobody" 2 chat
try "chat with somebody unknown" 2 chat nobody
try "test of a template" 0 test template:restaurant
says "says what was left out" "left out"
try "test as JSON" 0 test template:restaurant --json
holds "is JSON as well" python3 -m json.tool out
mkdir -p templates/wrong && cp -r templates/mine/. templates/wrong/ && sed -i 's/^id: .*/id: wrong/' templates/wrong/template.yaml
printf -- '- ask: 几点上班\n  expect: [不会有的话]\n  offline: true\n' >templates/wrong/cases.yaml
try "a failed case is exit 1" 1 test template:wrong
says "and shown" "FAIL"
try "a model that is not there" 2 test xiaoman --model nope

# ---- say, doctor: the server is stopped ----
mkdir clinic
printf 'listen: 127.0.0.1:0\nadmin_listen: 127.0.0.1:0\ndata_dir: ./data\n' >clinic/qungong.yaml
cd clinic || exit 2
try "doctor without bots" 0 doctor
says "says what to do" "qungong hire"
try "hire for doctor" 0 hire restaurant --name desk --answers shop_name=a --answers phone=b --answers hours=c
try "doctor of a healthy box" 0 doctor
says "looks at Redis" "ok    redis  AOF"
says "at the disk" "ok    disk"
says "and at each bot" "ok    bot desk  模板 restaurant"
try "doctor as JSON" 0 doctor --json
holds "is JSON, and ok" python3 -c 'import json; d = json.load(open("out")); assert d["ok"] and not d["running"] and d["findings"]'
try "where the data goes" 0 doctor --data
says "what is kept" "对话"
says "and that nothing leaves" "内容不出这台机器"
try "where the data goes, as JSON" 0 doctor --data --json
holds "names each bot" python3 -c 'import json; d = json.load(open("out")); assert d["bots"][0]["bot"] == "desk" and d["bots"][0]["leaves"] == []'
chmod 755 data
try "data that others can read is a warning" 0 doctor
says "with the command" "chmod 700"
try "doctor takes no words" 2 doctor desk

try "say on the web" 0 say desk 你好
says "says when it leaves" "服务没在运行"
try "say as JSON" 0 say desk 你好 --json
says "it is queued" '"state":"queued","landed":false'
try "say nothing" 2 say desk ''
try "say of nobody" 2 say nobody 你好
try "say to a chat that it has not" 2 say desk 你好 --to other
try "no files on the web" 2 say desk 你好 --file qungong.yaml
echo 早报 >in
"$bin" say desk - <in >out 2>err
says "say from standard input" "服务没在运行"
printf 'a\0b' | "$bin" say desk - >out 2>err
holds "which must be text" test $? -eq 2

printf 'http://127.0.0.1:9/cgi-bin/webhook/send?key=k-1\na\nb\nc\n' | "$bin" hire restaurant --platform wecom-hook --name robot >out 2>err
says "hire of a group's robot" "robot 已写入"
holds "its address is kept apart" test "$(stat -c %a secrets/robot.url)" = 600
holds "and stands nowhere else" sh -c '! grep -rq k-1 bots.d out err'
holds "nobody is bound to who hears nothing" sh -c '! grep -q 绑定 out'
try "nor later" 2 bind robot
printf 'https://example.com/cgi-bin/webhook/send?key=k-1\na\nb\nc\n' | "$bin" hire restaurant --platform wecom-hook --name wrong >out 2>err
holds "another host is refused" sh -c 'test ! -e bots.d/wrong.yaml && ! grep -q k-1 err'
try "a robot writes" 0 say robot 日报 --file qungong.yaml
holds "its file is kept for its owner" test "$(stat -c %a data/outbox/*)" = 600
try "a picture that is none" 2 say robot 日报 --image qungong.yaml
try "a file that is not there" 2 say robot 日报 --file nothing
try "doctor finds what cannot be reached" 1 doctor
says "and the page of the console" "消息推送"
holds "but tells no key" sh -c '! grep -q k-1 out'

mkdir -p secrets && echo s3cret >secrets/given
try "hire on WeCom" 0 hire restaurant --platform wecom --name talk --answers bot_id=aib-1 --answers secret=file:secrets/given \
	--answers ws_url=ws://127.0.0.1:9 --answers shop_name=a --answers phone=b --answers hours=c
says "in its group" "智能机器人"
holds "without a webhook" sh -c '! grep -q /hook/ out'
says "with a code for its admin" "/绑定"
says "and what to write" "@机器人 你好"
try "hire on WeCom by webhook" 2 hire restaurant --platform wecom --name hooked --answers transport=webhook \
	--answers shop_name=a --answers phone=b --answers hours=c
says "wants what signs it" "encoding_aes_key" err
try "say on WeCom names whom" 2 say talk 你好
try "say to somebody" 0 say talk 你好 --to zhangsan --direct
cd ..

# ---- pause, resume, fire: the server is stopped ----
sed -i 's/:8080/:0/; s/:8081/:0/' qungong.yaml
try "pause" 0 pause xiaoman --json
says "says so" '"paused":true'
try "resume" 0 resume xiaoman
try "pause nobody" 2 pause nobody
holds "no server stays behind" sh -c '! redis-cli -s data/redis/redis.sock ping'
try "fire asks first" 1 fire xiaoman
holds "and changes nothing" test -f bots.d/xiaoman.yaml
try "fire" 0 fire xiaoman --yes
holds "renames the file" test -f bots.d/xiaoman.yaml.fired
try "fired is gone" 2 fire xiaoman --yes
try "hired again under its name" 0 hire restaurant --name xiaoman --answers shop_name=a --answers phone=b --answers hours=c
try "and fired again" 0 fire xiaoman --yes
holds "beside the first" test -f bots.d/xiaoman.yaml.fired-2
holds "which is as it was" cmp before bots.d/xiaoman.yaml.fired

exit $failed
