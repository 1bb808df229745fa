/* sounds.c - characters that Chinese keyboards confuse, because they are typed by the same letters.
 *
 * Groups of one syllable, out of what shops, offices and their handbooks talk about. Two that mean
 * opposite or rival things of one trade (买 卖, 鸡 鲫, 酒 九) are never in one group, and no
 * numbers are: mending must not turn a question into another one. A whole table of syllables would
 * mend more, and would make such pairs. */
#include "text.h"

#include <uchar.h>

static const char32_t *const groups[] = {
	U"敏闵悯皿",
	U"点典店",
	U"证正症政郑",
	U"杨扬洋阳羊",
	U"停亭庭婷",
	U"位为未味",
	U"宫公工功",
	U"保宝饱爆报抱",
	U"丁钉盯叮",
	U"煮主住注",
	U"红洪宏虹",
	U"烧稍捎",
	U"清青轻请情",
	U"蒸真争",
	U"鲈炉卢路",
	U"虾瞎霞",
	U"仁人任认",
	U"腰要妖邀",
	U"果裹锅",
	U"豆都斗逗",
	U"腐府付父扶",
	U"婆泼坡",
	U"麻嘛妈码",
	U"番翻",
	U"茄切",
	U"炒吵抄",
	U"蛋旦淡但",
	U"牛纽",
	U"腩楠",
	U"笋损",
	U"鸭压牙芽",
	U"煲褒",
	U"饭犯范",
	U"葱聪",
	U"油由邮游",
	U"拌伴半办",
	U"甘干杆",
	U"露鹿录陆",
	U"双霜",
	U"皮疲脾",
	U"奶乃",
	U"酿娘",
	U"圆园员元原",
	U"梅没煤霉",
	U"汤烫糖堂",
	U"套讨",
	U"餐参",
	U"桂贵柜",
	U"花华",
	U"藕偶",
	U"营盈迎赢",
	U"业页夜",
	U"关观官",
	U"门们",
	U"开揩",
	U"订定钉",
	U"座坐作做",
	U"间简件见",
	U"包苞",
	U"厢箱香乡",
	U"预遇育",
	U"约月",
	U"取娶曲",
	U"消效校",
	U"外歪",
	U"卖迈",
	U"送松",
	U"发罚",
	U"票飘漂",
	U"付副富",
	U"款宽",
	U"折哲",
	U"扣口",
	U"卡咖",
	U"券劝全",
	U"宠充",
	U"物务误勿",
	U"儿而",
	U"椅以已",
	U"吸西希",
	U"烟咽",
	U"盒合和",
	U"袋带代待",
	U"沽估姑",
	U"冰兵",
	U"柜贵",
	U"温文闻",
	U"度渡",
	U"解姐",
	U"冻动洞",
	U"消肖",
	U"毒独",
	U"洗喜",
	U"手首",
	U"健建件",
	U"康慷",
	U"检捡",
	U"查茶察",
	U"留流刘",
	U"样洋",
	U"投头",
	U"诉素速",
	U"退推",
	U"赔陪配",
	U"头投",
	U"班搬般",
	U"假价加",
	U"迟吃池",
	U"打达",
	U"排牌",
	U"班斑",
	U"离理",
	U"职值植",
	U"资姿",
	U"险显",
	U"合和",
	U"同童",
	U"账帐障",
	U"号好",
	U"货或获",
	U"单担",
	U"型形刑",
	U"规归",
	U"格隔",
	U"尺齿",
	U"寸存",
	U"颜言严",
	U"设射",
	U"备被背",
	U"修休",
	U"机几基",
	U"器气汽",
	U"电店殿",
	U"脑恼",
	U"密蜜",
	U"码马",
	U"登灯",
	U"录路",
	U"权全",
	U"限现线",
	U"网往",
	U"络落",
	U"维为围",
	U"护户",
	U"保宝",
	U"养氧",
	U"供公",
	U"应英",
	U"商伤",
	U"库裤",
	U"盘判",
	U"存寸",
	U"运云",
	U"费废",
	U"期其起",
	U"效笑",
	U"标表",
	U"签迁牵",
	U"章张",
	U"审深",
	U"批皮",
	U"流留",
	U"程成诚",
	U"客课",
	U"户护",
	U"回会",
	U"访仿",
	U"跟根",
	U"进近",
};

static bool holds(const char32_t *group, uint32_t code)
{
	for (; *group != 0; group++) {
		if (*group == code) {
			return true;
		}
	}
	return false;
}

bool qg_text_sound_alike(uint32_t a, uint32_t b)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		if (holds(groups[i], a) && holds(groups[i], b)) {
			return true;
		}
	}
	return false;
}

bool qg_text_sounds_equal(const uint32_t *a, const uint32_t *b, size_t count)
{
	size_t differ = 0;
	for (size_t i = 0; i < count; i++) {
		differ += a[i] != b[i];
	}
	if (2 * differ >
		count) { /* nobody types every other character wrong: not worth looking up */
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		if (a[i] != b[i] && !qg_text_sound_alike(a[i], b[i])) {
			return false;
		}
	}
	return true;
}
