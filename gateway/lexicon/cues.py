"""Words that tell what a number near them is, all languages at once: a card's, a telephone's, an order's, money.

All words are folded (``lexicon.spoken.fold``). A cue comes from one word or from a few in a row (:func:`cue_at`); the
nearest before a number counts. Adding a language is adding words to these tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from types import MappingProxyType
from typing import Final


class Cue(Enum):
    """What a word says of the number near it."""

    CARD = "card"
    PAY = "pay"
    """Something is to be paid with what follows: takes back what an order's word said, and no more."""
    CVV = "cvv"
    EXPIRY = "expiry"
    PIN = "pin"
    PHONE = "phone"
    REFERENCE = "reference"
    """Any number that some business gave to something: order, parcel, contract, account, device."""
    LAST = "last"
    """The last few digits only."""
    DATE = "date"
    MONEY = "money"
    DONE = "done"
    """The matter of payment is closed."""

    __hash__ = object.__hash__  # by identity, in C: Enum's own hashes the name, in Python, at each look into a set


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FILLERS: Final = _words(
    # hesitation, and the joints between groups of digits; letters left of "it's", "c'est" and the like
    "um umm uh uhh er err erm ehm ah hmm hm mm mmm mhm eh well so okay ok yes yeah yep yup right then and next after "
    "that thats its followed by plus minus dash hyphen space comma dot point period stroke slash colon semicolon it "
    "is are was were the my your a i like you know let me us see look check now again finally lastly wait hold on "
    "sorry please just moment second sec minute instant here we go all of in with also another more gap pause break "
    "group set continuing uhm em hum ooh aha right s d l t m c n ll re ve este pues bueno y e luego despues entonces "
    "guion raya espacio coma punto mas menos a ver un momento espera espere perdon perdona es son el la los las mi "
    "si vale vamos sigue con tambien ahora segundo instante momentito euh heu alors et puis ensuite donc tiret "
    "espace virgule plus moins attendez attends moment est le les oui voila bon ben bah apres de du des ca minute "
    "seconde encore maintenant ah ahm aeh aehm oh also und dann danach strich bindestrich komma punkt leerzeichen "
    "leerstelle warten warte augenblick sekunde kurz ja genau ist sind das die der mein meine noch jetzt nun bitte "
    "weiter mit"
)
"""Words that do not end a number that is being said."""

CORRECTIONS: Final = _words(
    "no not sorry wait correction scratch actually rather oops mistake mean instead strike wrong apologies excuse "
    "perdon perdona perdone perdonad espera espere digo corrijo disculpa disculpe mejor dicho equivoque quiero decir "
    "error non pardon desole excusez desolee attendez plutot erreur voulais dire enfin trompe nein entschuldigung "
    "halt falsch quatsch korrigiere korrektur verzeihung sondern ach quatsch"
)
"""Words after which the digits just said may not count. They do not end a number either."""

RESTARTS: Final = _words(
    "start begin beginning over from try say repeat empiezo empezar nuevo desde principio recommence debut depuis zero "
    "anfang vorn vorne neu fange nochmal einmal"
)
"""Words that follow a correction; within a number they end it."""

WAITS: Final = _words(
    "moment second sec minute momento segundo instante momentito minuto instant seconde augenblick sekunde"
)
"""Words before which "one" is no digit: "one moment"."""

ANDS: Final = _words("and y e et und")
"""Words that join the parts of one number: "one hundred and four", *treinta y dos*."""

BEFORE_PRONOUNS: Final = _words("this that the which another new other old no any some")
"""Words after which "one" is mostly no digit: "this one"."""

ORDINALS: Final = _words(
    "first next last final other remaining following primeros primeras siguientes ultimos ultimas otros premiers "
    "premieres prochains suivants derniers dernieres ersten nachsten naechsten letzten anderen"
)
"""Words after which a small number is a count: "the next four are …"."""

UNITS: Final = _words(
    "digit digits number numbers figure figures card cards time times dollar dollars euro euros pound pounds buck "
    "bucks quid cent pence penny percent day days week weeks month months year years hour hours minutes seconds "
    "people persons item items ticket tickets night nights oclock clock am pm kilos kilo kg miles mile km meters "
    "metres percent degrees options option characters letters ones pieces piece orders payments things thing "
    "children kids adults rooms room floor th st nd rd x usd eur gbp digito digitos cifra cifras numeros tarjetas "
    "dolar dolares peso pesos libras dia dias semana semanas mes meses ano anos hora horas minutos segundos personas "
    "cosas noches entradas billetes euros por ciento chiffre chiffres numeros cartes jour jours semaine semaines "
    "mois an ans heure heures h minutes secondes personnes fois francs choses nuits billets pourcent ziffer ziffern "
    "stelle stellen nummern karten tag tage tagen woche wochen monat monate monaten jahr jahre jahren uhr stunde "
    "stunden minuten sekunden personen leute stuck prozent franken mal nachte naechte"
)
"""Words that turn the number before them into a count or an amount."""

MONTHS: Final[Mapping[str, int]] = MappingProxyType(
    {
        word: month
        for month, words in enumerate(
            (
                "january jan enero janvier januar janner",
                "february feb febrero fevrier februar",
                "march mar marzo mars marz maerz",
                "april apr abril avril",
                "may mayo mai",
                "june jun junio juin juni",
                "july jul julio juillet juli",
                "august aug agosto aout",
                "september sep sept septiembre setiembre septembre",
                "october oct octubre octobre oktober okt",
                "november nov noviembre novembre",
                "december dec diciembre decembre dezember dez",
            ),
            start=1,
        )
        for word in words.split()
        if word != "sept"  # French for seven
    }
)

_SINGLE: Final[Mapping[Cue, str]] = {
    Cue.PAY: (
        "use try bill charge pay paying put debit debito cargue carga cobre cobrar pagar pago pague debitez payer "
        "paye regler buchen belasten zahlen bezahlen zahle nehmen abbuchen"
    ),
    Cue.CARD: (
        "card cards creditcard debitcard visa mastercard maestro amex diners jcb unionpay tarjeta tarjetas carte "
        "cartes karte karten kreditkarte kreditkarten kreditkartennummer kartennummer debitkarte girokarte "
        "cardnumber pan"
    ),
    Cue.CVV: (
        "cvv cvc cvn csc cid cvv2 cvc2 cryptogramme sicherheitscode sicherheitsnummer prufnummer pruefnummer "
        "prufziffer pruefziffer kartenprufnummer kartenpruefnummer kartenprufziffer prufzahl sicherheitszahl "
        "securitycode"
    ),
    Cue.EXPIRY: (
        "expiry expires expire expiring expiration exp expired caduca caducidad vence vencimiento expira expiracion "
        "expirant validite valable ablaufdatum verfallsdatum verfallsmonat ablauf ablauft ablaeuft gultig gueltig "
        "gultigkeit verfallt verfaellt"
    ),
    Cue.PIN: "pin geheimzahl nip pincode",
    Cue.PHONE: (
        "ring call phone telephone telephones mobile cell cellphone landline fax text dial whatsapp callback sms "
        "telefono movil celular llamar llame llamame llamen fijo portable appeler appelez rappelez rappeler joindre "
        "fixe telefon telefonnummer handy handynummer festnetz rufnummer anrufen mobilnummer durchwahl ruckruf tel"
    ),
    Cue.REFERENCE: (
        "order orders ordered reference ref tracking track parcel shipment package delivery label booking booked "
        "reservation confirmation invoice ticket case claim policy contract customer client account member "
        "membership loyalty serial model imei imsi iccid sim iban bic swift routing sort barcode isbn ean upc sku "
        "voucher coupon licence license passport id tax vat ssn flight passcode code zip postcode postal extension "
        "transaction registration plate meter receipt purchase product article part batch lot device insurance nhs "
        "social medicare employee student patient consignment waybill awb docket incident quote quotation password "
        "username gift library rewards points airline frequent document pedido pedidos referencia seguimiento envio "
        "paquete reserva factura contrato cliente cuenta socio serie billete vuelo pasaporte dni nif codigo "
        "localizador albaran expediente poliza recibo afiliacion fidelidad regalo rastreo guia encargo commande "
        "commandes suivi colis livraison facture contrat compte adherent vol passeport siret dossier recu billet "
        "abonne fidelite vitale identite police secu siren bordereau bestellung bestellnummer auftrag "
        "auftragsnummer referenz sendung sendungsnummer paket paketnummer buchung buchungsnummer rechnung "
        "rechnungsnummer vertrag vertragsnummer kunde kundennummer konto kontonummer mitglied mitgliedsnummer "
        "seriennummer personalausweis ausweis reisepass steuernummer vorgang vorgangsnummer aktenzeichen lieferung "
        "lieferschein versicherungsnummer zahlernummer zaehlernummer postleitzahl plz blz kennzeichen bestellt "
        "gutschein artikelnummer trackingnummer imeinummer ticketnummer kundenkarte sim-karte versichertennummer"
    ),
    Cue.LAST: (
        "ending ends end endings ended terminada terminado termina terminan acaba acabada acaban ultimos ultimas "
        "derniers dernieres finissant finit terminant termine endet endend letzten endung endziffern"
    ),
    Cue.DATE: (
        "born birth birthday dob date dated since year nacimiento nacido nacida fecha ano naissance ne nee annee "
        "geburtsdatum geboren jahr datum seit until"
    ),
    Cue.MONEY: (
        "total amount price cost costs balance worth refund sum fee deposit importe precio cuesta saldo montant "
        "prix coute solde somme betrag preis kostet summe guthaben gesamtbetrag"
    ),
    Cue.DONE: (
        "charged approved declined accepted processed anything goodbye bye aprobado rechazada cobrado accepte "
        "refuse abgelehnt genehmigt belastet abgebucht adios tschuss"
    ),
}
_OF: Final[Mapping[str, Cue]] = MappingProxyType({word: cue for cue, text in _SINGLE.items() for word in text.split()})

_SECURITY: Final = _words(
    "security verification seguridad securite verificacion verification sicherheits pruf card secret secreto"
)
_CODE: Final = _words("code codigo number numero nummer digits digitos cifras chiffres ziffern digit figures")
_BACK: Final = _words(
    "back reverse rear behind signature reverso detras dorso atras dos verso arriere ruckseite rueckseite hinten"
)
_LONG: Final = _words("long sixteen 16 front largo dieciseis long seize lange sechzehn sechzehnstellige")
_NOT_PAYMENT: Final = _words(
    "sim gift library loyalty membership member id identity business report boarding insurance health key post "
    "memory sd graphics video sound phone points rewards calling social green student transit travel fidelity e-sim "
    "esim"
)
_GENERIC: Final = _words(
    "account reference ref code id number cuenta compte konto codigo referencia client cliente customer"
)
"""Words that may stand for a card's number too, right after the card was named."""

SECURITY_WORDS: Final = _SECURITY - _words("card secret secreto")
"""Right after three or four digits ("123 is the security code") they say what those were."""
CODE_WORDS: Final = _words("code codigo")
"""Said of a card that was just given, these mean its security code."""

_IN_CONTEXT: Final = (
    _CODE | _SECURITY | _BACK | _GENERIC | ORDINALS | _words("out thru through until bis hasta express v c")
)
CUE_TRIGGERS: Final = frozenset(_OF) | _IN_CONTEXT
"""Every word about which :func:`cue_at` has something to say."""
LONE_CUES: Final[Mapping[str, Cue]] = MappingProxyType(
    {word: cue for word, cue in _OF.items() if cue is not Cue.CARD and word not in _IN_CONTEXT}
)
"""Those of which it says the same whatever stands before them."""


def cue_at(words: Sequence[str]) -> Cue | None:
    """Return what the last of ``words`` says, in the light of the words before it (eight are enough), or ``None``."""
    word = words[-1]
    near = words[-6:-1]
    before = words[-2] if len(words) > 1 else ""
    if word in _CODE or word in _BACK or word in _SECURITY:
        cue = _code_cue(word, near)
        if cue is not None:
            return cue
    match word:
        case "out" if before in {"runs", "run", "running"}:
            return Cue.EXPIRY
        case "thru" | "through" | "until" | "bis" | "hasta" if set(near) & {
            "good",
            "valid",
            "gultig",
            "gueltig",
            "valida",
        }:
            return Cue.EXPIRY
        case "express" if before == "american":
            return Cue.CARD
        case "last" | "final":
            return Cue.LAST
        case "v" | "c" if words[-3:] in (["c", "v", "v"], ["c", "v", "c"]):
            return Cue.CVV
        case _:
            pass
    cue = _OF.get(word)
    if cue is Cue.CARD and before in _NOT_PAYMENT:
        return Cue.REFERENCE
    if cue is Cue.REFERENCE and word in _GENERIC and any(_OF.get(one) is Cue.CARD for one in words[-4:-1]):
        return Cue.CARD
    return cue


def _code_cue(word: str, near: Sequence[str]) -> Cue | None:
    """Return what "security code", "number on the back" and "sixteen digits" say."""
    others = set(near)
    if "social" in others:
        return Cue.REFERENCE
    named = word in _CODE or bool(others & _CODE)
    if named and (word in _SECURITY - {"card"} or others & (_SECURITY - {"card"})):
        return Cue.CVV
    if named and (word in _BACK or others & _BACK):
        return Cue.CVV
    if word in {"code", "codigo"} and others & {"pin", "digit", "digits", "cifras", "digitos", "chiffres", "stelligen"}:
        return Cue.PIN if "pin" in others else Cue.CVV
    if word in _CODE and others & _LONG:
        return Cue.CARD
    if word == "card":
        return None
    return None
