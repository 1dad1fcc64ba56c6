"""Names that news uses every day and that none of the lexicon's packages holds; endings of companies' names; dates.

General knowledge, of any year. What was missing showed in CoNLL's training set; its other sets were not looked at.
"""

# A name ends at ";" or at the end of its line.
PLACES = """
U.S.; U.S; U.S.A.; USA; U.K.; UK; U.A.E.; UAE; Britain; Great Britain; Bosnia; Holland; Korea; America; Burma
Soviet Union; USSR; U.S.S.R.; Yugoslavia; Czechoslovakia; Zaire; East Germany; West Germany; Rhodesia; West Bank
Gaza; Gaza Strip; Golan Heights; Sinai; Kashmir; Kurdistan; Chechnya; Tibet; Siberia; Nagorno-Karabakh; Middle East
Mideast; Far East; Near East; Asia-Pacific; Latin America; Central America; North America; South America
Western Europe; Eastern Europe; Central Europe; Central Asia; Southeast Asia; South Asia; East Asia; East Africa
West Africa; North Africa; Central Africa; Southern Africa; Balkans; Caucasus; Scandinavia; Caribbean; Crimea; Balkan
Atlantic; Atlantic Ocean; Pacific; Pacific Ocean; Indian Ocean; Arctic; Antarctica; Mediterranean; Mediterranean Sea
Black Sea; Caspian Sea; Baltic; Baltic Sea; North Sea; Red Sea; Dead Sea; Persian Gulf; Gulf of Mexico
South China Sea; English Channel; Suez Canal; Panama Canal; Sahara; Alps; Andes; Himalayas; Pyrenees; Rhine; Danube
Nile; Mississippi; White House; Kremlin; Downing Street; Capitol Hill; Wall Street; Broadway; Hollywood
Silicon Valley; Camp David; Ala.; Ariz.; Ark.; Calif.; Colo.; Conn.; D.C.; Del.; Fla.; Ga.; Ill.; Ind.; Kan.; Ky.
Mass.; Md.; Mich.; Minn.; Miss.; Mo.; Mont.; N.C.; N.D.; N.H.; N.J.; N.M.; N.Y.; Neb.; Nev.; Okla.; Ore.; Pa.; R.I.
S.C.; S.D.; Tenn.; Va.; Vt.; W.Va.; Wash.; Wis.; Wyo.; B.C.; N.S.W.
"""

ORGANISATIONS = """
United Nations; U.N.; UN; Security Council; U.N. Security Council; General Assembly; UNICEF; UNESCO; UNHCR
World Bank; World Health Organisation; World Health Organization; International Monetary Fund; IMF
World Trade Organisation; WTO; International Atomic Energy Agency; IAEA; International Court of Justice
Amnesty International; Red Cross; Greenpeace; International Committee of the Red Cross; ICRC; European Union; EU
European Commission; European Parliament; NATO; OSCE; European Community; European Central Bank; Council of Europe
Commonwealth; OECD; OPEC; ASEAN; APEC; Arab League; Organisation of African Unity; OAU; African Union
Organization of American States; Group of Seven; Interpol; Congress; Senate; House of Representatives
House of Commons; House of Lords; Knesset; Duma; State Duma; Bundestag; Supreme Court; Pentagon
Treasury; Federal Reserve; Fed; State Department; Justice Department; Defense Department; Defence Ministry
Foreign Ministry; Finance Ministry; Interior Ministry; Foreign Office; NASA; CIA; FBI; KGB; Bundesbank
Bank of England; Bank of Japan; Bank of France; Democratic Party; Republican Party; Labour Party; Conservative Party
Labour; Tory; Likud; PLO; Hamas; Hizbollah; Hezbollah; Taleban; Taliban; IRA; Sinn Fein; PKK; ETA
African National Congress; ANC; Reuters; Reuter; Associated Press; AP; Agence France-Presse; AFP; Itar-Tass; Tass
Interfax; Xinhua; Kyodo; DPA; ANSA; UPI; Bloomberg; BBC; CNN; New York Times; Washington Post; Wall Street Journal
Financial Times; Los Angeles Times; USA Today; The Times; Le Monde; Le Figaro; Pravda; Izvestia; FIFA; UEFA
IOC; International Olympic Committee; NBA; NFL; NHL; FIA; IAAF; ICC
"""

MISCELLANEOUS = """
Christian; Christians; Catholic; Catholics; Roman Catholic; Protestant; Protestants; Orthodox; Anglican; Baptist
Mormon; Moslem; Moslems; Muslim; Muslims; Islamic; Islamist; Islamists; Islam; Shiite; Shi'ite; Shiites; Sunni
Jewish; Jew; Jews; Judaism; Hindu; Hindus; Sikh; Sikhs; Buddhist; Buddhists; Christianity; Christmas; Easter; Ramadan
Bible; Koran; Arab; Arabs; Asian; African; European; Europeans; American; Western; Soviet; Yugoslav; Czechoslovak
Serb; Serbs; Croat; Croats; Bosnian; Bosnian Serb; Chechen; Chechens; Kurd; Kurds; Tamil; Tamils; Basque; Basques
Gypsy; Hutu; Hutus; Tutsi; Tutsis; Zulu; Turk; Turks; Pole; Poles; Finn; Finns; Dane; Danes; Swede; Swedes; Spaniard
Spaniards; Scot; Scots; Briton; Britons; Frenchman; Frenchmen; Englishman; Englishmen; Irishman; Dutchman
Latin American; African-American; Hispanic; Palestinian; Palestinians; Israelis; Iraqis; Pakistanis; Saudis; Nazi
Nazis; Marxist; Communist; Maoist; Zionist; Republican; Republicans; Democrat; Democrats; Democratic; Social Democrat
Social Democrats; Christian Democrat; Liberal Democrat; Labour; Tory; Tories; Nobel; Nobel Prize; Nobel Peace Prize
Oscar; Oscars; Grammy; Emmy; Pulitzer Prize; Olympic; Olympics; Olympic Games; Winter Olympics; Summer Olympics
Asian Games; Commonwealth Games; World Cup; World Championship; World Championships; European Championship
European Cup; Champions League; UEFA Cup; FA Cup; Davis Cup; Fed Cup; Ryder Cup; Stanley Cup; Super Bowl
World Series; All-Star; Grand Prix; Grand Slam; Formula One; Wimbledon; U.S. Open; Australian Open; French Open
British Open; Masters; Tour de France; Giro d'Italia; Ashes; American League; National League; Premier League
Bundesliga; Serie A; GMT; EST; EDT; Celsius; Fahrenheit; World War One; World War Two; World War I; World War II
First World War; Second World War; Cold War; Gulf War; Vietnam War; Dow Jones; Nikkei; FTSE; Nasdaq; DAX; C$; A$; HK$
US$; S$; NZ$; Internet
"""

# Endings of company names, without their full stops.
LEGAL_FORMS = """
inc incorporated corp corporation co company ltd limited plc llc lp ag kgaa gmbh se sa s.a n.v nv b.v bv as asa ab
abp oy oyj spa s.p.a sab de cv c.v bhd berhad tbk pt pcl public trust group holdings holding hldgs & and ,
aktiengesellschaft
"""

CALENDAR = """
january february march april may june july august september october november december jan feb mar apr jun jul aug sep
sept oct nov dec monday tuesday wednesday thursday friday saturday sunday
"""
