"""The language of the synthetic corpus: rules, word classes and the parts of names. Data only; synth.py speaks it."""

from __future__ import annotations

# NAME = alternatives parted by |; `3* x` is three times as likely as `x`. Within one, capitals name a rule, a word
# class or a kind of name; `word_POS` is a plain word with its part of speech.
RULES = """
# Whole sentences.
SENTENCE = 14* CLAUSE ._. | 5* CLAUSE MORE ._. | 2* CLAUSE MORE MORE ._. | 3* QUOTE | 2* DATELINE | 2* SCORE
    | HEADLINE | RANKING | 2* LIST | QUESTION | 2* MODAL ._.

MORE = ,_, LINK CLAUSE | ,_, LINK CLAUSE | ;_: CLAUSE | LINK CLAUSE | ,_, LINK PP ,_, CLAUSE

LINK = and_CC | but_CC | while_IN | because_IN | after_IN | although_IN | as_IN | since_IN

# What people, places and organisations do: the context tells the type.
CLAUSE = 4* PERSON SAID that_IN FACT | 3* PERSON VBD_P NP | 2* PERSON ,_, ROLE ,_, VBD_P NP | 3* ORG VBD_O NP
    | 2* ORG SAID it_PRP would_MD VB NP | 2* NP VBD in_IN PLACE | 2* PERSON flew_VBD to_TO PLACE DAY
    | NNS across_IN PLACE VBD NP | 2* TITLE PERSON met_VBD TITLE PERSON in_IN PLACE
    | PERSON joined_VBD ORG from_IN ORG | 6* ANY VAGUE | 3* NP VAGUE_BY ANY
    | 2* according_VBG to_TO ANY ,_, FACT | 2* the_DT MISC NN VBD NP | 2* MISC NNS VBD_P NP in_IN PLACE
    | PERSON won_VBD the_DT EVENT DAY | ORG won_VBD the_DT EVENT in_IN YEAR | 5* FACT | 2* OPENER ,_, FACT
    | shares_NNS of_IN ORG RB VBD_M CD %_NN | a_DT NN in_IN PLACE VBD NP | PERSON and_CC PERSON VBD_P NP PP
    | the_DT NN of_IN ANY VAGUE | ANY and_CC ANY VAGUE | NP VBD ANY and_CC ANY
    | the_DT bank_NN of_IN the_DT NN VBD RB | a_DT university_NN near_IN PLACE VBD NP
    | people_NNS in_IN PLACE VBD NP

FACT = 3* NP VBD NP | NP VBD NP PP | NP was_VBD JJ | NNS were_VBD RB JJ | there_EX was_VBD no_DT NN PP
    | it_PRP VBD NP DAY | they_PRP had_VBD VBN NP | NP will_MD VB NP | CD NNS were_VBD VBN PP
    | NP of_IN NP VBD RB

MODAL = May_MD NP VB NP | May_MD they_PRP VB NP | In_IN May_NNP ,_, NP VBD NP
    | It_PRP may_MD VB NP in_IN May_NNP

QUOTE = "_" FACT ,_, "_" SAID PERSON ._. | "_" FACT ,_, "_" PERSON of_IN ORG SAID ._. | "_" FACT ._. "_"
    | "_" ANY VAGUE ,_, "_" SAID PERSON ._.

DATELINE = 2* PLACE_UPPER 1996-08-CD_CD | PLACE ,_, MONTH CD -_: CLAUSE ._. | DAY_ONLY ,_, MONTH CD

SCORE = 2* ORG CD ORG CD | PLACE CD ,_, PLACE CD
    | PERSON -LRB-_( PLACE -RRB-_) beat_VBD PERSON -LRB-_( PLACE -RRB-_) CD-CD_CD CD-CD_CD
    | ORG beat_VBD ORG CD-CD_CD in_IN the_DT EVENT ._. | ORG CD CD CD CD CD

RANKING = CD ._. PERSON -LRB-_( PLACE -RRB-_) CD | CD ._. ANY | CD ._. ORG CD

HEADLINE = UPPER_NN UPPER_NN :_: PERSON | UPPER_NN UPPER_NN UPPER_NN ._. | CAP_NN CAP_NN on_IN PLACE ._.
    | CAP_JJ CAP_NN CAP_NN | ANY | UPPER_NN PP ._. | PLACE_UPPER UPPER_NN CD

LIST = the_DT NNS are_VBP ANY ITEMS and_CC ANY ._. | PERSON VBD_P NNS from_IN PLACE PLACES and_CC PLACE ._.
    | among_IN those_DT present_JJ were_VBD PERSON PERSONS and_CC PERSON ._.

ITEMS = 4* ,_, ANY ITEMS | ,_, ANY

PLACES = 3* ,_, PLACE PLACES | ,_, PLACE

PERSONS = 3* ,_, PERSON PERSONS | ,_, PERSON of_IN ORG PERSONS | ,_, PERSON

QUESTION = why_WRB did_VBD ANY VB NP ?_. | who_WP is_VBZ PERSON ?_. | what_WP VAGUE_BY ANY ?_.

# Contexts that leave the type open: the name itself must tell.
VAGUE = was_VBD VBN in_IN NP | remains_VBZ JJ | was_VBD RB VBN | faces_VBZ NP | VBD NP | has_VBZ VBN NP
    | made_VBD headlines_NNS DAY | was_VBD not_RB mentioned_VBN | surprised_VBD NNS

VAGUE_BY = VBD | concerned_VBD | was_VBD about_IN | mentions_VBZ | is_VBZ linked_VBN to_TO | favours_VBZ

# Phrases.
NP = 3* the_DT NN | 2* a_DT JJ NN | NNS | JJ NNS | the_DT JJ NN | CD NNS | its_PRP$ NN
    | the_DT NN of_IN the_DT NN | the_DT CAP_NN | this_DT NN

PP = in_IN NP | with_IN NP | during_IN NP | on_IN DAY_ONLY | in_IN MONTH | in_IN YEAR | for_IN NP | under_IN NP

DAY = on_IN DAY_ONLY | last_JJ week_NN | in_IN MONTH | yesterday_NN | in_IN YEAR

SAID = 3* said_VBD | says_VBZ | added_VBD | announced_VBD | told_VBD reporters_NNS

ROLE = a_DT JJ NN_P | the_DT NN_P of_IN ORG | who_WP VBD_P NP | NN_P from_IN PLACE | CD

OPENER = However_RB | Meanwhile_RB | Yesterday_NN | On_IN DAY_ONLY | In_IN YEAR | Today_NN | In_IN MONTH
    | Still_RB

PERSON = PER

PLACE = LOC
"""

# Words of one part of speech; "VBD_P VBD" are the VBD that people do. The first words of a class are the frequent ones.
CLASSES = """
NN = report deal market plan talk vote budget season match game economy crisis attack election strike price law
    trial court border war peace fire flood storm election project contract treaty export oil wheat steel coal gold
    growth debt tax bank school hospital road bridge river ship plane train company firm ministry party government
    team club league title record goal point season coach policy statement question answer view letter book film
    song studio theory virus drug test study survey index rate bond share stock fund loan profit loss sale order
    demand supply

NNS = talks reports prices shares officials workers soldiers rebels voters students doctors farmers players fans
    analysts investors traders troops police leaders critics goals points votes taxes rates exports imports profits
    losses results rules plans sources witnesses residents tourists children women men experts engineers

JJ = new old big small early late strong weak public private foreign local national official recent final major
    minor heavy light high low open free hard long short rural urban young quiet sharp global green blue bitter
    modest famous rare civil legal federal annual daily double fresh key

VBD = hit reached showed raised cut followed ended opened closed caused led changed supported rejected affected
    threatened delayed included covered passed lost gained faced helped stopped reduced improved shocked divided

VBD_P VBD = met visited praised accused married criticised wrote read signed thanked coached beat interviewed
    rejected remembered blamed defended painted answered wanted

VBD_O VBD = bought acquired sold launched reported posted hired sued merged cut published developed reopened issued
    recalled produced manufactured

VBD_M VBD = rose fell climbed dropped slipped gained lost jumped

VBN = mentioned discussed criticised praised named seen expected reported delayed opened closed confirmed
    rejected reviewed ignored accepted described considered

VB = reach show raise cut follow end open close cause lead change support reject affect delay include cover pass
    lose help stop reduce improve buy sell launch visit

RB = sharply slightly quickly slowly widely openly again soon nearly largely firmly badly rarely suddenly

NN_P NN = minister spokesman chairman striker goalkeeper analyst economist lawyer senator mayor teacher author
    singer director captain ambassador farmer nurse

TITLE NNP = President Prime-Minister Mr. Mrs. Dr. Senator Captain Chancellor King Sir

DAY_ONLY NNP = Monday Tuesday Wednesday Thursday Friday Saturday Sunday

MONTH NNP = January February March April May June July August September October November December
"""

# Names that are people, places or organisations by their context alone.
AMBIGUOUS = """
Washington Jordan Lincoln Paris Chelsea Florence Austin Dallas Sydney Georgia Carolina Madison Houston Orlando
Santiago Victoria Israel Chad Kent Bolton Preston Milan Lourdes Hamilton Wellington Nelson Lancaster
"""
GIVEN = """
Anna John Maria Peter Elena David Laura James Sofia Ivan Clara Ahmed Nadia Carlos Julia Omar Emma Yusuf Marta Viktor
Irene Pavel Rosa Henrik Aisha Kenji Mei Tomas Lucia Andrei
"""

# Syllables of coined names.
ONSETS = "b br c ch d dr f fl g gr h j k kl l m n p pr qu r s sh st str t th tr v w z"
VOWELS = "a e i o u a e i o ai ea ou ie"
CODAS = "l n r s t m nd rt lk x ck sh rn ll v d"

# How the names of a kind end. A few ends belong to two kinds, as in life.
ENDINGS = {
    "given": "ina ella ette bert ric wyn ias ito anna mund lyn ardo",
    "surname": "son sen ez ov ova ski ini escu idis man wicz yan enko ton ley",
    "place": "ville burg stan land shire polis grad ford dale abad mouth port ia ton ley",
    "organisation": "tech soft corp ex ix tron com net dyne sys mart co bank air worx",
    "nationality": "ian ese ish ean ic",
    "product": "OS Pad Book Jet Phone",
}
VAGUE_ENDINGS = "a on er al is en o"

COMPANY_SUFFIXES = "Inc. Corp. Ltd. Group Holdings AG Bank Airlines Industries Motors"
CLUB_SUFFIXES = "United City Rovers Wanderers Athletic FC Tigers Eagles"
# What may stand before "of" and a place; _ is a space.
BODY_HEADS = "University Bank Republic_Bank Institute Ministry Church Court"
BODY_TAILS = "Times Post Tribune Foundation Council Museum Police Parliament"
PLACE_HEADS = "New North South East West Port Mount Lake San Saint Fort"
PLACE_TAILS = "River Airport Island Valley Bay Street Province"
EVENT_TAILS = "Open Cup Grand_Prix Games Marathon Festival Masters Treaty Championship"
FIELDS = "Finance Defence Trade Justice Health Energy Culture"
