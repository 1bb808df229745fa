"""Makes the documents beside it: python3 make.py. Zips by zipfile, with fixed times; the PDFs by hand."""
import struct
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


def pack(name, parts, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(HERE / name, "w") as out:
        for part, text in parts.items():
            info = zipfile.ZipInfo(part, (2026, 1, 1, 0, 0, 0))
            info.compress_type = method
            out.writestr(info, HEAD + text if isinstance(text, str) else text)


def links(*items):
    rows = "".join(f'<Relationship Id="{i}" Type="{OFFICE}/{t}" Target="{to}"/>' for i, t, to in items)
    return f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{rows}</Relationships>'


W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:r="%s" ' \
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"' % OFFICE


def p(text, settings=""):
    return f"<w:p>{'<w:pPr>' + settings + '</w:pPr>' if settings else ''}<w:r><w:t>{text}</w:t></w:r></w:p>"


def table(*rows):
    cell = lambda c: f"<w:tc>{c if c.startswith('<') else p(c)}</w:tc>"
    return "<w:tbl>" + "".join(f"<w:tr>{''.join(map(cell, row))}</w:tr>" for row in rows) + "</w:tbl>"


def body(text):
    return f"<w:document {W}><w:body>{text}</w:body></w:document>"


WORDS = links(("rId1", "header", "header1.xml"), ("rId2", "styles", "styles.xml"))
pack("handbook.docx", {
    "word/_rels/document.xml.rels": WORDS,
    "word/header1.xml": f"<w:hdr {W}>{p('小满餐厅 员工手册')}</w:hdr>",
    "word/document.xml": body(
        p("第一章 排班", '<w:pStyle w:val="Heading1"/>')
        + '<w:p><w:pPr><w:tabs><w:tab w:val="left" w:pos="720"/></w:tabs></w:pPr><w:r><w:t>早班</w:t><w:tab/>'
          '<w:t xml:space="preserve">九点 </w:t></w:r><w:r><w:t>到 &lt;十七点&gt;</w:t></w:r></w:p>'
        + p("不要迟到", '<w:numPr><w:ilvl w:val="0"/></w:numPr>')
        + '<w:p><w:del><w:r><w:delText>旧的一句</w:delText></w:r></w:del><w:r><w:t>第一行</w:t><w:br/><w:t>第二行</w:t></w:r></w:p>'
        + '<w:p><w:r><mc:AlternateContent><mc:Choice><w:t>框里</w:t></mc:Choice><mc:Fallback><w:t>框里</w:t>'
          '</mc:Fallback></mc:AlternateContent></w:r></w:p>'
        + table(["姓名", "电话"], [p("张") + p("三"), "021-5555"], [table(["内", "表"]), ""])
        + p("完")),
})
pack("empty.docx", {"word/document.xml": body("<w:p/>")})
pack("bomb.docx", {"word/document.xml": body(" " * (70 << 20))}, zipfile.ZIP_BZIP2)
pack("deep.docx", {"word/document.xml": "<a>" * 300 + "</a>" * 300})
laughs = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
pack("laughs.docx", {"word/document.xml":
     f'<!DOCTYPE x [<!ENTITY l0 "哈哈">{laughs}]>' + body(p("&l9;"))})
pack("locked.docx", {"word/document.xml": body(p("秘密"))})
data = bytearray((HERE / "locked.docx").read_bytes())
for mark, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):  # the bit that says "encrypted"
    data[data.index(mark) + at] |= 1
(HERE / "locked.docx").write_bytes(data)

S = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="%s"' % OFFICE


def c(place, value, kind="", style=""):
    kind, style = kind and f' t="{kind}"', style and f' s="{style}"'
    inner = f"<is><t>{value}</t></is>" if "inlineStr" in kind else f"<v>{value}</v>"
    return f'<c r="{place}"{kind}{style}>{inner}</c>'


def sheet(*rows):
    return f"<worksheet {S}><sheetData>{''.join(f'<row>{r}</row>' for r in rows)}</sheetData></worksheet>"


pack("prices.xlsx", {
    "xl/workbook.xml": f'<workbook {S}><sheets><sheet name="价目" sheetId="1" r:id="rId1"/>'
    '<sheet name="底价" sheetId="2" state="hidden" r:id="rId2"/><sheet name="排班" sheetId="3" r:id="rId3"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": links(
        ("rId1", "worksheet", "worksheets/sheet1.xml"), ("rId2", "worksheet", "worksheets/sheet2.xml"),
        ("rId3", "worksheet", "/xl/worksheets/sheet3.xml"), ("rId4", "styles", "styles.xml"),
        ("rId5", "sharedStrings", "sharedStrings.xml")),
    "xl/styles.xml": f'<styleSheet {S}><numFmts><numFmt numFmtId="164" formatCode="yyyy&quot;年&quot;m&quot;月&quot;d&quot;日&quot;"/>'
    '<numFmt numFmtId="165" formatCode="[h]:mm"/><numFmt numFmtId="166" formatCode="&quot;day&quot;0.00"/></numFmts>'
    '<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs>'
    '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="20"/><xf numFmtId="22"/>'
    '<xf numFmtId="10"/><xf numFmtId="165"/><xf numFmtId="166"/></cellXfs></styleSheet>',
    "xl/sharedStrings.xml": f"<sst {S}><si><t>菜名</t></si><si><r><t>红烧</t></r><r><t>肉</t></r><rPh><t>hong</t></rPh></si>"
    "<si><t>两\n行</t></si></sst>",
    "xl/worksheets/sheet1.xml": sheet(
        c("A1", 0, "s") + c("B1", "价格", "inlineStr") + c("D1", "备注", "str"),
        "", c("A3", 1, "s") + c("B3", "38") + c("C3", "0.1", "", 5) + c("D3", 1, "b"),
        c("A4", 2, "s") + c("B4", "0.30000000000000004") + c("D4", "#N/A", "e") + c("E4", "99", "s")),
    "xl/worksheets/sheet2.xml": sheet(c("A1", "不给看", "inlineStr")),
    "xl/worksheets/sheet3.xml": sheet(
        c("A1", "45292", "", 1) + c("B1", "45292.5", "", 4) + c("C1", "0.375", "", 3),
        c("A2", "45351", "", 2) + c("B2", "1.5", "", 6) + c("C2", "12", "", 7) + c("D2", "1", "", 1)),
})
pack("blank.xlsx", {
    "xl/workbook.xml": f'<workbook {S}><sheets><sheet name="空" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": links(("rId1", "worksheet", "worksheets/sheet1.xml")),
    "xl/worksheets/sheet1.xml": sheet("", ""),
})

P = 'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" ' \
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" xmlns:r="%s"' % OFFICE
slide = lambda *lines: f"<p:sld {P}>" + "".join(f"<a:p><a:r><a:t>{t}</a:t></a:r></a:p>" for t in lines) + "</p:sld>"
pack("slides.pptx", {
    "ppt/presentation.xml": f'<p:presentation {P}><p:sldIdLst><p:sldId id="256" r:id="rId2"/><p:sldId id="257" r:id="rId1"/></p:sldIdLst></p:presentation>',
    "ppt/_rels/presentation.xml.rels": links(("rId1", "slide", "slides/slide1.xml"), ("rId2", "slide", "slides/slide2.xml")),
    "ppt/slides/slide1.xml": slide("第二页", "利润"),
    "ppt/slides/slide2.xml": slide("第一页", "收入"),
})


def pdf(name, pages, encrypt=False):
    """Chinese by a font that is not embedded, and a table from its codes to Unicode."""
    letters = sorted({ch for page in pages for line in page for ch in line})
    code = {ch: i + 1 for i, ch in enumerate(letters)}
    cmap = "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /A def /CMapType 2 def\n" \
           "1 begincodespacerange <0000> <FFFF> endcodespacerange\n" \
           f"{len(letters)} beginbfchar\n" + "".join(f"<{code[ch]:04X}> <{ord(ch):04X}>\n" for ch in letters) \
           + "endbfchar endcmap end end"
    objects = ["", "", "<</Type/Font/Subtype/Type0/BaseFont/A/Encoding/Identity-H/DescendantFonts[4 0 R]/ToUnicode 5 0 R>>",
               "<</Type/Font/Subtype/CIDFontType2/BaseFont/A/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>"
               "/DW 1000/FontDescriptor 6 0 R>>",
               f"<</Length {len(cmap)}>>stream\n{cmap}\nendstream",
               "<</Type/FontDescriptor/FontName/A/Flags 4/FontBBox[0 0 1000 1000]/ItalicAngle 0/Ascent 800/Descent 0/CapHeight 800/StemV 80>>"]
    kids = []
    for page in pages:
        text = "BT /F 12 Tf " + "".join(
            f"1 0 0 1 {50 + 150 * (i % 2)} {700 - 20 * (i // 2)} Tm <{''.join(f'{code[ch]:04X}' for ch in line)}> Tj\n"
            for i, line in enumerate(page)) + "ET"
        kids.append(f"{len(objects) + 1} 0 R")
        objects.append(f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F 3 0 R>>>>/Contents {len(objects) + 2} 0 R>>")
        objects.append(f"<</Length {len(text)}>>stream\n{text}\nendstream")
    objects[0] = "<</Type/Catalog/Pages 2 0 R>>"
    objects[1] = f"<</Type/Pages/Count {len(pages)}/Kids[{' '.join(kids)}]>>"
    out, places = b"%PDF-1.4\n", []
    for i, text in enumerate(objects):
        places.append(len(out))
        out += f"{i + 1} 0 obj\n{text}\nendobj\n".encode()
    lock = "/Encrypt<</Filter/Standard/V 1/R 2/P -64/O<%s>/U<%s>>>/ID[<00><00>]" % ("11" * 32, "22" * 32) if encrypt else ""
    table = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n" + "".join(f"{at:010d} 00000 n \n" for at in places)
    (HERE / name).write_bytes(out + (table + f"trailer<</Size {len(objects) + 1}/Root 1 0 R{lock}>>\nstartxref\n{len(out)}\n%%EOF\n").encode())


pdf("menu.pdf", [["红烧肉", "38元", "清蒸鱼", "66元"], ["营业时间", "九点到廿一点"]])
pdf("scan.pdf", [[], []])
pdf("locked.pdf", [["秘密"]], encrypt=True)

# How a password locks a workbook: the whole is a container of Microsoft's older kind, of which this is the head and a
# directory's entry.
name = "EncryptedPackage\0".encode("utf-16-le")
(HERE / "locked.xlsx").write_bytes(
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + name.ljust(64, b"\0") + struct.pack("<HB", len(name), 2) + bytes(445))
