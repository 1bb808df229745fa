/* text.c - how questions are read: folded to one form, stripped of what carries no meaning, cut
 * into parts.
 *
 * Everything works on code points, because Chinese has no blanks to cut at. No dictionary is used:
 * what is light is a short list of function characters, and the rest is subject matter. The tables
 * are sorted by code point (the first of each pair), so that a binary search finds them. */
#include "text.h"

#include <stdlib.h>
#include <string.h>
#include <uchar.h>

#include "qg/buf.h"

/* Traditional character, then its simplified form: those that occur in shop talk. */
static const char32_t traditional[] =
	U"來来個个們们價价億亿償偿優优兒儿兩两凍冻劃划劉刘務务區区吳吴員员問问喫吃單单嗎吗"
	U"嘗尝嚐尝國国圖图報报塊块壓压壞坏壺壶夠够妳你媽妈嬰婴嬸婶孫孙學学實实審审寫写寵宠"
	U"寶宝將将專专尋寻對对導导層层島岛師师帳帐帶带幣币幫帮幹干幾几庫库廚厨廠厂廢废廣广"
	U"廳厅張张彈弹後后從从復复慣惯憑凭應应懷怀戰战戶户掃扫換换擇择擔担據据擺摆敗败數数"
	U"斷断於于時时暫暂曬晒書书會会東东條条楊杨業业極极構构樂乐樓楼標标樣样機机檔档檢检"
	U"櫃柜權权歡欢歲岁歷历殺杀毀毁氣气決决沒没況况涼凉淨净減减測测湯汤溫温滿满漲涨潔洁"
	U"澆浇濃浓濕湿濟济災灾為为無无煙烟煩烦熱热燈灯燒烧爐炉爛烂爭争牆墙牠它狀状獎奖獨独"
	U"玆兹現现琺珐環环產产畫画當当療疗癢痒發发盡尽監监盤盘盧卢確确碼码禮礼稅税種种稱称"
	U"積积穩稳窩窝競竞筆笔節节範范簡简簽签糧粮約约紅红純纯紙纸級级細细紹绍終终組组結结"
	U"絕绝給给統统絲丝綁绑經经綠绿維维網网緊紧線线緣缘編编練练縣县縮缩縱纵總总續续罰罚"
	U"罵骂羅罗羣群習习聞闻聯联聲声職职聽听脫脱腦脑膠胶臉脸臺台與与興兴舉举舊旧莊庄華华"
	U"萬万葉叶蓋盖蔣蒋蔥葱薑姜藥药蘇苏蘭兰處处號号蝦虾蟲虫術术衛卫裏里補补裝装裡里製制"
	U"複复褲裤見见視视親亲覺觉觀观訂订計计訊讯記记設设許许訴诉評评詢询試试話话該该詳详"
	U"認认語语誤误說说誰谁課课調调談谈請请諒谅論论謝谢證证識识譯译議议護护讀读變变讓让"
	U"豐丰豬猪貓猫貝贝負负財财貨货責责貴贵買买費费貼贴資资賞赏賠赔賣卖質质賬账賽赛贈赠"
	U"趕赶趙赵躍跃車车軌轨軍军軟软較较載载輕轻輛辆輪轮輸输轉转辦办農农這这連连週周進进"
	U"遊游運运過过達达違违遞递遠远適适遲迟選选遺遗還还邊边郵邮鄭郑醫医醬酱釋释釣钓銀银"
	U"銷销鋪铺錄录錢钱錯错鍋锅鍾钟鎖锁鐘钟鐵铁鑰钥長长門门閃闪閉闭開开間间閱阅關关陰阴"
	U"陳陈陸陆陽阳隊队階阶際际隨随險险隱隐隻只雙双雜杂雞鸡離离難难雲云電电靜静響响頁页"
	U"順顺須须預预領领頭头顆颗題题額额顏颜願愿類类顧顾風风颱台飛飞飯饭飲饮飾饰餅饼養养"
	U"餓饿餘余館馆馬马駕驾騎骑騙骗驗验驚惊體体髮发鬆松鬥斗鬧闹魚鱼魷鱿鮮鲜鱸鲈鴨鸭鹵卤"
	U"鹹咸鹽盐麗丽麥麦麵面麼么黃黄點点黨党齊齐齒齿龍龙龜龟";

/* Says nothing about the subject. What bears on size, number, time, person or negation is not
 * here. */
static const char32_t light[] =
	U"与且个为么也了于些什他以们会体何你俺候做其具再到去又及友叫可向吗吧呀告呢和咯咱哈"
	U"哎哟哦哪啊啥啦喂嗯嘛噢因在头她如它家对就己帮应店很得必忙怎您想我或所才把是有朋来"
	U"果样此烦现用的看着知种算给而能自被要让讲诉该说诶请谢贵跟边还这道那都里问需须麻";

/* Polite words and particles, longest first where one begins another. */
static const char32_t *const fillers[] = {
	U"请问一下",
	U"请问",
	U"问一下",
	U"一下",
	U"吗",
	U"呢",
	U"啊",
	U"呀",
	U"吧",
	U"了",
	U"的",
};

static const char32_t negations[] = U"不没";

#define MAX_PARTS 32
#define ASKING_BYTES 768 /* of the end of a sentence, where it asks */

static size_t length_of(const char32_t *text)
{
	size_t count = 0;
	while (text[count] != 0) {
		count++;
	}
	return count;
}

static bool is_among(uint32_t code, const char32_t *sorted, size_t count)
{
	size_t low = 0, high = count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (sorted[middle] < code) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low < count && sorted[low] == code;
}

static uint32_t simplified(uint32_t code)
{
	size_t low = 0, high = sizeof(traditional) / sizeof(traditional[0]) / 2;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (traditional[2 * middle] < code) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	size_t end = sizeof(traditional) / sizeof(traditional[0]) / 2;
	return low < end && traditional[2 * low] == code ? traditional[2 * low + 1] : code;
}

uint32_t qg_text_fold(uint32_t code)
{
	if (code >= 0xff01 && code <= 0xff5e) { /* full-width forms of ASCII */
		code -= 0xfee0;
	} else if (code == 0x3000) {
		code = ' ';
	}
	if (code >= 'A' && code <= 'Z') {
		code += 'a' - 'A';
	}
	return code >= 0x4e00 ? simplified(code) : code;
}

size_t qg_text_codes(const char *text, uint32_t *out, size_t max)
{
	size_t size = strlen(text), at = 0, count = 0;
	while (at < size && count < max) {
		size_t used;
		out[count++] = qg_text_fold(qg_utf8_next(text + at, size - at, &used));
		at += used;
	}
	return count;
}

char *qg_text_folded(const char *text)
{
	size_t size = strlen(text), at = 0, length = 0;
	char *out = malloc(3 * size + 1); /* a broken byte becomes U+FFFD; all else does not grow */
	while (out != NULL && at < size) {
		size_t used;
		uint32_t code = qg_text_fold(qg_utf8_next(text + at, size - at, &used));
		length += qg_utf8_put(code, out + length);
		at += used;
	}
	if (out != NULL) {
		out[length] = '\0';
	}
	return out;
}

bool qg_text_is_cjk(uint32_t code)
{
	return (code >= 0x4e00 && code <= 0x9fff) || (code >= 0x3400 && code <= 0x4dbf) ||
	       (code >= 0x3041 && code <= 0x30ff) || (code >= 0xac00 && code <= 0xd7a3) ||
	       (code >= 0xf900 && code <= 0xfaff) || (code >= 0x20000 && code <= 0x3ffff);
}

bool qg_text_is_digit(uint32_t code)
{
	return code >= '0' && code <= '9';
}

bool qg_text_is_letter(uint32_t code)
{
	return qg_text_is_digit(code) || (code >= 'a' && code <= 'z') ||
	       (code >= 'A' && code <= 'Z') ||
	       (code >= 0xc0 && code < 0x2000 && code != 0xd7 && code != 0xf7);
}

bool qg_text_is_light(uint32_t code)
{
	return is_among(code, light, sizeof(light) / sizeof(light[0]) - 1);
}

bool qg_text_has(const char *text, const char *part)
{
	size_t text_size = strlen(text), part_size = strlen(part);
	if (part_size == 0) {
		return false;
	}
	for (size_t start = 0; start < text_size;) {
		size_t at = start, in_part = 0, used = 0, first = 0;
		while (in_part < part_size && at < text_size) {
			uint32_t a = qg_text_fold(qg_utf8_next(text + at, text_size - at, &used));
			first = first == 0 ? used : first;
			at += used;
			uint32_t b = qg_text_fold(
				qg_utf8_next(part + in_part, part_size - in_part, &used));
			if (a != b) {
				break;
			}
			in_part += used;
		}
		if (in_part >= part_size) {
			return true;
		}
		start += first;
	}
	return false;
}

static bool begins_with(const uint32_t *codes, size_t count, const char32_t *word, size_t size)
{
	if (count < size) {
		return false;
	}
	for (size_t i = 0; i < size; i++) {
		if (codes[i] != word[i]) {
			return false;
		}
	}
	return true;
}

/* Length of the filler that begins here, 0 for none. */
static size_t filler_at(const uint32_t *codes, size_t count)
{
	for (size_t i = 0; i < sizeof(fillers) / sizeof(fillers[0]); i++) {
		size_t size = length_of(fillers[i]);
		if (begins_with(codes, count, fillers[i], size)) {
			return size;
		}
	}
	return 0;
}

static bool is_negation(uint32_t code)
{
	return code == negations[0] || code == negations[1];
}

/* "有没有" and "可不可以" ask like "有" and "可以": the first character and the negation go. */
static size_t plain_question_at(const uint32_t *codes, size_t count)
{
	bool asks = count >= 3 && is_negation(codes[1]) && codes[0] == codes[2] &&
		    qg_text_is_cjk(codes[0]);
	return asks ? 2 : 0;
}

size_t qg_text_strip(uint32_t *codes, size_t count)
{
	size_t kept = 0;
	for (size_t i = 0; i < count;) {
		size_t skip = filler_at(codes + i, count - i);
		skip = skip > 0 ? skip : plain_question_at(codes + i, count - i);
		if (skip > 0) {
			i += skip;
			continue;
		}
		uint32_t code = codes[i++];
		bool is_word = qg_text_is_cjk(code) || qg_text_is_letter(code);
		bool joins = code == ' ' && kept > 0 && qg_text_is_letter(codes[kept - 1]) &&
			     i < count && qg_text_is_letter(codes[i]);
		/* 3.5 and 10:30 are one number each */
		bool in_number = (code == '.' || code == ':') && kept > 0 &&
				 qg_text_is_digit(codes[kept - 1]) && i < count &&
				 qg_text_is_digit(codes[i]);
		if (is_word || joins || in_number) {
			codes[kept++] = code;
		}
	}
	return kept;
}

/* ---- parts of a message ---- */

static bool ends_question(uint32_t code)
{
	return code == '?' || code == '!' || code == ';' || code == 0x3002 || code == '\n';
}

static bool ends_clause(uint32_t code, uint32_t before, uint32_t after)
{
	if (code == ',' || code == 0x3001) {
		return !(qg_text_is_digit(before) && qg_text_is_digit(after)); /* 1,000 */
	}
	return code == ' ' && (qg_text_is_cjk(before) || qg_text_is_cjk(after));
}

static enum qg_status add_part(struct qg_strings *parts, const char *text, size_t size)
{
	char *part = qg_str_copy_n(text, size);
	if (part == NULL) {
		return QG_NO_MEMORY;
	}
	qg_str_trim(part);
	uint32_t codes[QG_TEXT_CODES];
	size_t count = qg_text_strip(codes, qg_text_codes(part, codes, QG_TEXT_CODES));
	enum qg_status status = count > 0 ? qg_strings_add(parts, part) : QG_OK;
	free(part);
	return status;
}

enum qg_status qg_text_split(const char *text, bool clauses, struct qg_strings *parts)
{
	size_t size = strlen(text), start = 0, at = 0;
	uint32_t before = 0;
	while (at < size) {
		size_t used, next_used;
		uint32_t code = qg_text_fold(qg_utf8_next(text + at, size - at, &used));
		at += used;
		uint32_t after =
			at < size ? qg_text_fold(qg_utf8_next(text + at, size - at, &next_used))
				  : 0;
		bool cut = ends_question(code) || (clauses && ends_clause(code, before, after));
		before = code;
		if (!cut || parts->count + 1 >= MAX_PARTS) { /* the rest of a flood is one part */
			continue;
		}
		if (add_part(parts, text + start, at - start) != QG_OK) {
			return QG_NO_MEMORY;
		}
		start = at;
	}
	return add_part(parts, text + start, size - start);
}

bool qg_text_asks(const char *text)
{
	static const char *const marks[] = {"?", "吗", "呢", "什么", "怎么", "怎样", "如何", "多少",
		"几", "哪", "谁", "能不能", "可以", "可不可以", "有没有", "要不要", "是不是",
		"为什么", "啥", "多久", "多长", "告诉", "帮", "请", "查", "发一下"};
	size_t size = strlen(text);
	text += size > ASKING_BYTES ? size - ASKING_BYTES : 0;
	char *folded = qg_text_folded(text); /* as the marks are: bytes can be compared */
	bool asks = false;
	for (size_t i = 0; folded != NULL && !asks && i < sizeof(marks) / sizeof(marks[0]); i++) {
		asks = strstr(folded, marks[i]) != NULL;
	}
	free(folded);
	return asks;
}

/* Sentences before a question belong to it, those behind the last one to the last. */
static enum qg_status gather(
	const struct qg_strings *parts, struct qg_strings *whole, struct qg_strings *asking)
{
	struct qg_buf text;
	qg_buf_init(&text, QG_TEXT_CODES * 16);
	bool asks[MAX_PARTS];
	size_t last = parts->count; /* the part that asks last */
	for (size_t i = 0; i < parts->count; i++) {
		asks[i] = qg_text_asks(parts->items[i]);
		last = asks[i] ? i : last;
	}
	enum qg_status status = QG_OK;
	for (size_t i = 0; i < parts->count && status == QG_OK; i++) {
		qg_buf_printf(&text, "%s%s", text.size > 0 ? " " : "", parts->items[i]);
		status = asks[i] ? qg_strings_add(asking, parts->items[i]) : QG_OK;
		bool ends = (asks[i] && i != last) || i + 1 == parts->count;
		if (status == QG_OK && ends && text.size > 0) {
			status = qg_strings_add(whole, text.data);
			qg_buf_reset(&text);
		}
	}
	if (status == QG_OK && last == parts->count && whole->count > 0) { /* nothing asks */
		status = qg_strings_add(asking, whole->items[0]);
	}
	qg_buf_finish(&text);
	return status;
}

enum qg_status qg_text_questions(
	const char *text, struct qg_strings *whole, struct qg_strings *asking)
{
	struct qg_strings parts = {0};
	enum qg_status status = qg_text_split(text, false, &parts);
	status = status == QG_OK ? gather(&parts, whole, asking) : status;
	qg_strings_finish(&parts);
	return status;
}
