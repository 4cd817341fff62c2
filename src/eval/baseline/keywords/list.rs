//! The written list: for each category what a sentence about it says, and what only a denial says.

/// The expressions of one category; case does not matter.
pub(super) struct Entry {
    /// Identifier of the category.
    pub(super) category: &'static str,
    /// Any of these makes the sentence one about the category.
    pub(super) about: &'static [&'static str],
    /// Any of these makes it a denial by itself.
    pub(super) denies: &'static [&'static str],
}

pub(super) const RULES: &[Entry] = &[
    Entry {
        category: "collection",
        about: &[
            r"\b(we|us|our|they|services?|app|cookies|partners?|which)\b.{0,40}\b(collect|receive|obtain|gather|record|capture|request|store)(s|ed|ing)?\b.{0,60}\b(data|information|details|address|content|identifiers?)",
            r"\b(data|information|details)\b.{0,30}\b(we|is|are|be|being|may be|automatically) (collect|receiv|obtain|gather|record)(s|ed|e)?\b",
            r"\binformation (that )?you (provide|give|submit|share|enter|choose)|you (provide|give|submit)( to)? us|provided by you",
            r"\bcollect(s|ed|ing|ion of)?\b.{0,40}\b(data|information|details)",
            r"\bask (you )?(for|to provide)\b|when you (register|sign up|create an account)",
        ],
        denies: &[
            r"\b(do|does|will) not (knowingly |intentionally )?(collect|record|request|gather|ask for)\b.{0,60}\b(data|information|details|content)",
        ],
    },
    Entry {
        category: "tracking",
        about: &[
            r"\bcookies?\b|\bweb beacons?|\bpixels?\b|\btracking\b|\blocal storage|\btrackers?\b",
            r"\bip address|\bdevice (id|identif|information|type|data)|\blog (files?|data|information)|\bserver logs?|\bbrowser type|\boperating system",
            r"\btelemetry|\bfingerprint|\bsdks?\b|\busage (data|information)|\banalytics (tools|services|provider)|\bgoogle analytics|\bautomatically (collect|record|receive|log)|\bpages (you )?(view|visit)|\bdo not track|\bclickstream|\bdiagnostic",
        ],
        denies: &[
            r"\b(do|does|will) not track\b.{0,20}\b(you|users|your)|\bhonou?rs? (do not track|dnt)",
        ],
    },
    Entry {
        category: "sensitive-data",
        about: &[
            r"\bsensitive (personal )?(data|information)|\bspecial categor|\bprecise (geo)?-?location|\bgeolocation|\bgps\b|\blocation (data|information)|\blocation of your",
            r"\bbiometric|\bface ?(data|print|geometry|scan)|\bvoice ?(print|recording|data)|\bfacial|\bgenetic|\bhealth\b|\bmedical",
            r"\bcredit card|\bdebit card|\bpayment (card|information|details|data|method)|\bbank (account|details)|\bfinancial (information|data|account)|\bbilling (information|details)",
            r"\bgovernment[- ]issued|\bpassport|\bsocial security|\bdriver'?s? licen[cs]e|\bnational id|\bidentity card",
            r"\b(race|racial|ethnic|religio|sexual|political opinion|trade union)|\bcontact list|\baddress book|\bphone contacts|\bprivate messages|\bcontents? of (your )?(messages|communications)",
        ],
        denies: &[],
    },
    Entry {
        category: "children",
        about: &[
            r"\bchild(ren)?('s)?\b|\bminors?\b|\bunder (the age of )?(\d+|thirteen|sixteen|eighteen)|\bat least (\d+|thirteen|sixteen|eighteen) years|\byears of age|\bage of (majority|\d+)|\bparent(s|al)?\b|\blegal guardian|\bcoppa\b|\bteen(s|ager)?\b",
        ],
        denies: &[
            r"\bnot (knowingly|intentionally)?\b.{0,60}\b(collect|solicit|process|direct|intended)\w*\b.{0,80}\b(child|minor|under)",
            r"\bnot (intended|directed|designed|aimed)\b.{0,30}\b(child|minor|under)",
        ],
    },
    Entry {
        category: "ai-training",
        about: &[
            r"\b(train|tune|fine-tun)(s|e|ed|ing)?\b.{0,60}\b(models?|ai|artificial intelligence|machine[- ]learning|algorithms?|systems?|classifiers?)\b",
            r"\b(models?|ai|artificial intelligence|machine[- ]learning|llms?)\b.{0,40}\b(training|train|trained)\b",
            r"\b(develop|improv|enhanc|test|build|creat)\w*\b.{0,50}\b(ai|artificial intelligence|machine[- ]learning|models?)\b",
        ],
        denies: &[],
    },
    Entry {
        category: "service-improvement",
        about: &[
            r"\b(improv|enhanc|optimi[sz]|develop)\w*\b.{0,50}\b(services?|products?|features?|experience|websites?|sites?|apps?|platform|offerings|functionality|technolog\w+|games?|software|quality)\b",
            r"\banalytics\b|\banaly[sz](e|ing)\b|\bresearch\b|\bquality assurance|\btroubleshoot|\btesting\b|\bstatistic|\bhow (you|users|people|visitors) (use|interact)|\busage trends|\bmeasure the (performance|effectiveness)|\bdebug",
        ],
        denies: &[],
    },
    Entry {
        category: "advertising",
        about: &[
            r"\badvert|\bads?\b|\bmarketing\b|\bpromotion(s|al)?\b|\bnewsletters?\b|\bspecial offers|\bsponsor|\bretarget|\bcampaigns?\b|\bdirect mail|\boffers\b.{0,30}\b(interest|you)",
        ],
        denies: &[],
    },
    Entry {
        category: "profiling",
        about: &[
            r"\bpersonali[sz](e|ed|ing|ation)|\bcustomi[sz]|\btailor(ed|ing)?\b|\brecommend(s|ed|ations?|ing)?\b|\binfer(s|red|ence|ences|ring)?\b|\bprofil(e|es|ing)\b.{0,20}\b(of|about|based|you|for)\b|\bprofiling\b|\bautomated (individual )?decision|\bpredict|\byour (interests|preferences)\b|\bscor(e|ing)\b",
        ],
        denies: &[],
    },
    Entry {
        category: "content-review",
        about: &[
            r"\b(monitor|review|moderat|scan|screen|inspect|pre-screen|filter)\w*\b.{0,50}\b(content|communications?|messages?|posts?|conversations?|chats?|submissions?|uploads?|materials?|inputs?|prompts?)",
            r"\b(remove|delete|take down|refuse|disable access|edit|block)\b.{0,40}\b(content|posts?|submissions?|materials?|user)",
            r"\bcontent\b.{0,40}\b(removed|moderat|reviewed|monitored)|\bhuman review|\bour (staff|employees|moderators)\b.{0,30}\b(read|view|access)",
        ],
        denies: &[
            r"\b(no|not|any) (obligation|duty|responsib\w+|oblige[d]?|obligated|required)\b.{0,30}\b(monitor|review|screen|edit|remove|moderat)",
            r"\b(do|does|will|cannot|can) not\b.{0,20}\b(monitor|pre-screen|review|moderate|endorse|verify)\b",
        ],
    },
    Entry {
        category: "deidentified-data",
        about: &[
            r"\baggregat|\banonymi[sz]|\banonymous|\bde-?identif|\bpseudonym|\bnon-personal|\bnot (personally )?identif|\bnon-identif|\bhashed\b|\b(cannot|can not|no longer|does not)\b.{0,20}\bidentify",
        ],
        denies: &[],
    },
    Entry {
        category: "third-party-sharing",
        about: &[
            r"\b(shar|disclos|transmit|provid|transfer|send|releas|pass)(e|es|ed|ing|s|ted|ting|red|ring)?\b.{0,70}\b(third[- ]part|partners?|affiliates?|service providers?|vendors?|other (users|companies|parties|organi[sz]ations)|subsidiar|contractors?|processors|public|advertisers|others)",
            r"\b(third[- ]part(y|ies)|partners|affiliates|service providers|vendors|processors)\b.{0,50}\b(collect|receive|access|process|use|may|who|help|assist|perform)",
            r"\b(we|may) (share|disclose)\b|\bshar(e|ed|ing) (with|your)\b|\bvisible to|\bpublicly (available|visible|accessible)|\bcategories of recipients|\bsub-?processors",
        ],
        denies: &[],
    },
    Entry {
        category: "data-sale",
        about: &[
            r"\b(sell|sells|selling|sold|sale of|rent|renting|rents)\b.{0,60}\b(data|information|personal|it\b|address)",
            r"\b(data|information)\b.{0,40}\b(sell|sold|rented)\b|\bsale\b.{0,20}\b(or|and)\b.{0,5}\bsharing\b|\bdo not sell\b|\bsell or share|\bshar(e|ing)\b.{0,30}\bcross-context",
        ],
        denies: &[
            r"\b(do|does|will|did|have|has) (not|never)\b.{0,20}\b(sell|sold|rent)\b",
            r"\bnever (sell|rent)",
        ],
    },
    Entry {
        category: "legal-disclosure",
        about: &[
            r"\blaw enforcement|\bcourts?\b.{0,15}\border|\bsubpoena|\blegal (process|obligations?|requests?|requirements?|claims?|proceedings?|rights)|\bgovernment(al)? (request|authorit|agenc|bod)|\bpublic authorit|\bregulat(ors?|ory authorit)",
            r"\b(required|permitted|compelled) (to do so )?by (applicable )?(law|the law)|\bcomply(ing)? with\b.{0,30}\b(laws?|legal|regulat|obligations?)|\b(protect|defend|enforce)\b.{0,40}\b(rights|safety|property|terms|agreement)",
        ],
        denies: &[],
    },
    Entry {
        category: "business-transfer",
        about: &[
            r"\bmergers?\b|\bacqui(sition|red by)|\bbankruptcy|\binsolvency|\breorgani[sz]ation|\brestructuring|\bsale of (all|some|substantially|our|the|assets|business)|\bchange (of|in) control|\bbusiness (transfer|transaction)|\bcorporate transaction|\bdivestiture|\bdissolution",
        ],
        denies: &[],
    },
    Entry {
        category: "international-transfer",
        about: &[
            r"\b(transfer|process|stor|locat|access|hosted|held)\w*\b.{0,80}\b(outside|other countries|another country|united states|u\.s\.|usa|eea|european economic area|abroad|overseas|international)",
            r"\bstandard contractual clauses|\badequacy|\bprivacy shield|\bdata privacy framework|\bcross-border|\binternational (data )?transfers?|\bbinding corporate rules|\boutside (of )?(the )?(eea|eu|european|your (country|state|jurisdiction)|uk|switzerland)",
        ],
        denies: &[],
    },
    Entry {
        category: "retention",
        about: &[
            r"\bret(ain|ains|ained|aining|ention)\b|\bkeep\b.{0,40}\b(data|information|for|as long|records?|it)\b|\bkept\b|\bas long as\b|\bstor(e|ed)\b.{0,40}\b(for|until|days|months|years|as long)|\b(delete|erase|destroy)(d|s)?\b.{0,50}\b(after|within|when|once|days|months|no longer)|\bstorage (period|duration)|\bbackups?\b|\bexpires?\b.{0,20}\b(after|in|when)",
        ],
        denies: &[
            r"\b(do|does|will) not (retain|keep|store|save)\b|\b(is|are|be) not (retained|kept|stored|saved)\b",
        ],
    },
    Entry {
        category: "security",
        about: &[
            r"\bsecur(e|ity|ely|ed|ing)\b.{0,60}\b(measures?|data|information|transmission|servers?|standards?|safeguards?|of|breach|incidents?|practices|controls?|technolog\w+)|\bencrypt|\bsafeguards?\b|\bunauthori[sz]ed (access|use|disclosure)|\b(data|security) breach|\bfirewall|\bssl\b|\btls\b|\b(detect|prevent|combat|investigat)\w*\b.{0,40}\b(fraud|abuse|security|malicious|spam|illegal)|\bfraud\b|\baccess controls?",
        ],
        denies: &[
            r"\b(cannot|can not|can't|do not|does not|not|no)\b.{0,25}\b(guarantee|ensure|warrant|promise)\b.{0,50}\bsecur",
            r"\bno\b.{0,60}\b(completely|100%|fully|entirely|totally|absolutely|perfectly|is) (secure|safe)|\bnot\b.{0,15}\b(completely|100%|fully|entirely|totally|absolutely) (secure|safe)|\bat your own risk",
        ],
    },
    Entry {
        category: "content-license",
        about: &[
            r"\b(grant|give)s?\b.{0,60}\b(licen[cs]e|rights?)\b|\bworldwide\b.{0,60}\b(licen[cs]e|royalty)|\broyalty-free|\bsublicen[cs]|\bperpetual\b|\birrevocable|\bmoral rights|\bderivative works",
            r"\bown(s|ership)?\b.{0,40}\b(your |user )?(content|submissions?|feedback|outputs?|inputs?|posts?)\b|\bfeedback\b.{0,80}\b(use|own|assign|right|obligation|compensation)",
        ],
        denies: &[
            r"\byou (retain|keep|own|will own|continue to own)\b.{0,60}\b(rights?|ownership|content|title)|\b(do|does) not claim\b.{0,30}\b(ownership|rights?)|\bremains? (yours|your property|the property of)",
        ],
    },
    Entry {
        category: "user-choice",
        about: &[
            r"\bopt(s|ed|ing)?[- ]?(out|in)\b|\bunsubscrib|\bconsent\b|\b(withdraw|revoke)\b.{0,20}\bconsent|\b(your|privacy|account|browser|device|cookie|ad) (settings|preferences|choices)\b|\byou (can|may) (choose|control|manage|disable|turn off|adjust|change|set|decline|refuse|block)|\b(disable|block|refuse|reject|decline|turn off|manage)\b.{0,30}\b(cookies|tracking|location|notifications|ads)|\bpermission\b|\bchoose (not )?to\b",
        ],
        denies: &[
            r"\b(cannot|can not|may not|not be able to|unable to)\b.{0,15}\b(opt|unsubscribe|refuse|decline)|\b(some|certain|parts|features)\b.{0,60}\b(may|will|might) (not )?(be )?(not |un)?(function|work|available|accessible)",
            r"\b(still|continue to) (receive|see|send)|\bif you (do not|don't|choose not|refuse|decline)\b.{0,90}\b(not be able|unable|cannot|may not|not function|not work)",
        ],
    },
    Entry {
        category: "user-rights",
        about: &[
            r"\bright (to|of)\b.{0,30}\b(access|correct|rectif|delet|eras|object|restrict|portab|complain|lodge|request|withdraw|know|be informed)|\b(request|ask)\b.{0,40}\b(access|deletion|correction|copy|delete|erasure|erase)|\blodge a complaint|\bsupervisory authority|\bdata protection authority|\b(access|correct|update|delete|rectify|erase|export|download)\b.{0,30}\b(your|their) (personal |account |user )?(data|information|details|content)|\byour (privacy )?rights\b|\bexercis(e|ing)\b.{0,30}\brights|\bdata portability|\bauthori[sz]ed agent|\bverif(y|ied|iable)\b.{0,30}\b(identity|request)|\bdelete your account",
        ],
        denies: &[
            r"\b(may|can|reserve the right to) (refuse|deny|decline|reject)\b.{0,40}\brequest|\b(cannot|not be able to|unable to)\b.{0,30}\b(delete|comply|fulfil|remove|respond|process)|\bnot (obliged|required|obligated) to\b.{0,20}\b(delete|comply|provide)",
        ],
    },
    Entry {
        category: "policy-change",
        about: &[
            r"\b(change|modif|updat|amend|revis)\w*\b.{0,50}\b(polic(y|ies)|terms|agreement|notice|statement|conditions|document)\b",
            r"\b(polic(y|ies)|terms|agreement|notice|statement)\b.{0,50}\b(change|modif|updat|amend|revis)\w*\b|\bcontinued use\b|\blast (updated|modified|revised)|\b(changes|modifications) (will|are|become|take)",
        ],
        denies: &[],
    },
];
