"""Small files of every dialect of columns and CSV, as the corpora that people have are written."""

from __future__ import annotations

GERMEVAL = (
    "#\thttp://zeitung.example/sport\t[2009-10-17]\n1\tDer\tO\tO\n2\tFC\tB-ORG\tO\n3\tKöln\tI-ORG\tB-LOC\n4\tsiegt\tO\tO\n\n"
    "#\tn-ews.example vom 26.02.2005\t[2005-02-26]\n1\tLina\tB-PER\tO\n2\t#\tO\tO\n3\tschweigt\tO\tO\n\n"
)
# A multiword token, an empty node, a name with a space, and a word without a key in MISC.
CONLLU = (
    "# newdoc id = weblog-1\n# sent_id = weblog-1-0001\n# text = Vámonos a El Paso, Ana.\n"
    "1-2\tVámonos\t_\t_\t_\t_\t_\t_\t_\tname=O\n"
    "1\tVamos\tir\tVERB\t_\tMood=Imp\t0\troot\t_\tname=O\n"
    "2\tnos\tnosotros\tPRON\t_\t_\t1\tobj\t_\tname=O\n"
    "2.1\tahora\tahora\tADV\t_\t_\t_\t_\t1:advmod\t_\n"
    "3\ta\ta\tADP\tSPS00\t_\t4\tcase\t_\t_\n"
    "4\tEl Paso\tEl Paso\tPROPN\t_\t_\t1\tobl\t_\tSpaceAfter=No|name=B-LOC\n"
    "5\t,\t,\tPUNCT\tFc\t_\t6\tpunct\t_\tname=O\n"
    "6\tAna\tAna\tPROPN\t_\t_\t1\tvocative\t_\tname=B-PER|SpaceAfter=No\n"
    "7\t.\t.\tPUNCT\tFp\t_\t1\tpunct\t_\tname=O\n\n"
    "# newdoc\n# sent_id = 2\n1\t#\t#\tSYM\t_\t_\t0\troot\t_\tname=O\n\n"
)
CONLLUP = (
    "# global.columns = ID FORM UPOS MISC NER\n# newdoc id = d1\n# sent_id = s1\n"
    "1\tAna\tPROPN\t_\tB-PER\n2\tLía\tPROPN\tSpaceAfter=No\tI-PER\n3\t.\tPUNCT\t_\t*\n\n"
    "# sent_id = s2\n1\tOslo\tPROPN\t_\tB-LOC\n\n"
)
CONLL2012 = """#begin document (nw/made/00/made_0001); part 000
nw/made/00/made_0001   0   0     Ana    NNP  (TOP(S(NP*    -   -   -   -   (PERSON*   (ARG0*    (1
nw/made/00/made_0001   0   1   Ruiz    NNP           *)   -   -   -   -          *)        *)   1)
nw/made/00/made_0001   0   2   left    VBD      (VP*))) leave  01  1   -          *       (V*)   -

nw/made/00/made_0001   0   0   Oslo    NNP  (TOP(NP*))    -   -   -   -       (GPE)    -

#end document
#begin document (nw/made/00/made_0001); part 001
nw/made/00/made_0001   1   0   Two     CD   (TOP(NP*     -   -   -   -      (DATE*    *   *   -
nw/made/00/made_0001   1   1   long    JJ           *    -   -   -   -           *    *   *   -
nw/made/00/made_0001   1   2   days    NNS          *))  -   -   -   -           *)   *   *   -

#end document
"""
WIKINER = (
    "Ana|NNP|I-PER Ruiz|NNP|I-PER left|VBD|O Oslo|NNP|I-LOC .|.|O\n\n"
    "A|DT|O pipe|NN|O ||SYM|O is|VBZ|O no|DT|O wall|NN|O\n"
)
MULTICONER = (
    "# id 5f2f1a52-7b1c\tdomain=en\nana _ _ B-Artist\nruiz _ _ I-Artist\nsings _ _ O\n\n"
    "# id 81c0\tdomain=en\n# _ _ O\noslo _ _ B-HumanSettlement\n\n"
)
# Universal NER: number, token, tag, two columns about the annotation.
NUMBERED = (
    "# newdoc id = n01\n# sent_id = n01-1\n# text = “Ana Ruiz left”\n"
    "1\t“\tO\t-\t-\n2\tAna\tB-PER\t-\tanno7\n3\tRuiz\tI-PER\t-\tanno7\n4\tleft\tO\t-\t-\n5\t”\tO\t-\t-\n\n"
    "# newdoc id = n02\n# sent_id = n02-1\n# text = Oslo\n1\tOslo\tB-LOC\t-\tanno7\n\n"
)
CHARACTERS = "王 B-PER\n小 M-PER\n明 E-PER\n在 O\n沪 S-LOC\n\n北 B-LOC\n京 E-LOC\n。 O\n\n"
TWEETS = "@ana\tO\n#oslo\tB-location\n!\tO\n\t\n#now\tO\n\t\nhttp://x.example/1\tO\n\t\n"
HEADER = "Word\tPOS\tChunk\tNER\nAna\tNNP\tB-NP\tB-PER\nleft\tVBD\tB-VP\tO\n\nOslo\tNNP\tB-NP\tB-LOC\n\n"
KAGGLE = (
    "Sentence #,Word,POS,Tag\nSentence: 1,Ana,NNP,B-per\n,left,VBD,O\n"
    ',"""",``,O\nSentence: 2,Oslo,NNP,B-geo\n,",",",",O\n'
)
CSV = "sentence_id,words,labels\n0,Ana,B-PER\n0,left,O\n1,Oslo,B-LOC\n"
CSV_LISTS = (
    "Sentence #,Sentence,POS,Tag\n"
    "Sentence: 1,Ana 's left,\"['NNP', 'POS', 'VBD']\",\"['B-per', 'O', 'O']\"\n"
    "Sentence: 2,Oslo,['NNP'],['B-geo']\n"
)
CSV_TEXTS = "text,labels\nAna left .,B-per O O\nOslo,B-geo\n"
# Format, text. The least strict of the formats, conll, comes last.
SAMPLES = {
    "germeval": ("germeval", GERMEVAL),
    "conllu": ("conllu", CONLLU),
    "conllup": ("conllup", CONLLUP),
    "conll2012": ("conll2012", CONLL2012),
    "wikiner": ("wikiner", WIKINER),
    "multiconer": ("multiconer", MULTICONER),
    "kaggle": ("kaggle", KAGGLE),
    "csv": ("csv", CSV),
    "csv-lists": ("csv-sentences", CSV_LISTS),
    "csv-texts": ("csv-sentences", CSV_TEXTS),
    "numbered": ("conll", NUMBERED),
    "characters": ("conll", CHARACTERS),
    "tweets": ("conll", TWEETS),
    "header": ("conll", HEADER),
}
