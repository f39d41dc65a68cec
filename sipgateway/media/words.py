"""What the prompts say, in every language: a name and its text.

The synthesizer reads numerals as words of its language, so most numbers are
written as such; what grammar bends (hours, days of a month) is written out.
`sipgateway.focus.phrases` puts names together to sentences.
"""

from __future__ import annotations

from collections.abc import Mapping

LANGUAGES = ("en", "de", "es")
"""Tags (RFC 5646); the first is what is played where a language lacks a prompt."""

#: Name → English, German, Spanish.
SENTENCES: Mapping[str, tuple[str, str, str]] = {
    # The voice menu of the conference application
    "menu": (
        "Welcome. To open a conference, press one. Or press the hash key, and it opens at once,"
        " without a PIN.",
        "Willkommen. Um eine Konferenz zu eröffnen, drücken Sie die Eins. Mit der Rautetaste"
        " öffnet sie sofort, ohne PIN.",
        "Bienvenido. Para abrir una conferencia, pulse uno. Con la tecla almohadilla se abre"
        " enseguida, sin PIN.",
    ),
    "choose-pin": (
        "Choose a PIN of four to sixteen digits, followed by the hash key. For none, just press"
        " the hash key.",
        "Wählen Sie eine PIN mit vier bis sechzehn Ziffern, dann die Rautetaste. Ohne PIN drücken"
        " Sie nur die Rautetaste.",
        "Elija un PIN de cuatro a dieciséis cifras y pulse almohadilla. Sin PIN, pulse solo"
        " almohadilla.",
    ),
    "bad-pin": (
        "A PIN has four to sixteen digits.",
        "Eine PIN hat vier bis sechzehn Ziffern.",
        "Un PIN tiene de cuatro a dieciséis cifras.",
    ),
    "your-pin": ("Your PIN is", "Ihre PIN lautet", "Su PIN es"),
    "confirm-call": (
        "You are called into a conference. To come in, press one.",
        "Sie werden in eine Konferenz gerufen. Um teilzunehmen, drücken Sie die Eins.",
        "Le llaman a una conferencia. Para entrar, pulse uno.",
    ),
    "confirm": (
        "To confirm, press one. To choose another one, press two.",
        "Zum Bestätigen drücken Sie die Eins. Für eine andere die Zwei.",
        "Para confirmar, pulse uno. Para elegir otro, pulse dos.",
    ),
    "created": (
        "Your conference is open. Its number is",
        "Ihre Konferenz ist eröffnet. Ihre Nummer lautet",
        "Su conferencia está abierta. Su número es",
    ),
    "created-named": (
        "Your conference is open.",
        "Ihre Konferenz ist eröffnet.",
        "Su conferencia está abierta.",
    ),
    "once-more": ("Once more,", "Noch einmal,", "Otra vez,"),
    "not-possible": (
        "That is not possible right now. Please try again later.",
        "Das ist im Augenblick nicht möglich. Bitte versuchen Sie es später noch einmal.",
        "Ahora no es posible. Vuelva a intentarlo más tarde.",
    ),
    # At the door
    "enter-pin": (
        "Please enter the PIN, followed by the hash key.",
        "Bitte geben Sie die PIN ein, dann die Rautetaste.",
        "Introduzca el PIN y pulse la tecla almohadilla.",
    ),
    "wrong-pin": (
        "That PIN is not correct. Please try again.",
        "Diese PIN stimmt nicht. Bitte versuchen Sie es noch einmal.",
        "Ese PIN no es correcto. Inténtelo otra vez.",
    ),
    "held-off": (
        "That was the wrong PIN too often. Please wait a while before you call again.",
        "Die PIN war zu oft falsch. Bitte warten Sie, bevor Sie wieder anrufen.",
        "El PIN ha sido incorrecto demasiadas veces. Espere un poco antes de volver a llamar.",
    ),
    "say-name": (
        "After the tone, say your name, and press the hash key.",
        "Bitte nennen Sie nach dem Ton Ihren Namen, und drücken Sie die Rautetaste.",
        "Después de la señal, diga su nombre y pulse almohadilla.",
    ),
    "too-early": (
        "The conference is not open yet.",
        "Die Konferenz ist noch nicht offen.",
        "La conferencia aún no está abierta.",
    ),
    "opens-today": ("It opens today at", "Sie beginnt heute um", "Se abre hoy a"),
    "opens-tomorrow": ("It opens tomorrow at", "Sie beginnt morgen um", "Se abre mañana a"),
    "opens-on": ("It opens on", "Sie beginnt am", "Se abre el"),
    "at": ("at", "um", "a"),
    "over": (
        "This conference is over.",
        "Diese Konferenz ist vorbei.",
        "Esta conferencia ha terminado.",
    ),
    "full": ("The conference is full.", "Die Konferenz ist voll.", "La conferencia está llena."),
    "locked": (
        "The conference is locked.",
        "Die Konferenz ist geschlossen.",
        "La conferencia está cerrada.",
    ),
    "not-invited": (
        "You are not invited to this conference.",
        "Sie sind zu dieser Konferenz nicht eingeladen.",
        "No está invitado a esta conferencia.",
    ),
    "wait-moderator": (
        "The conference begins as soon as a moderator is here. Please wait.",
        "Die Konferenz beginnt, sobald ein Moderator da ist. Bitte warten Sie.",
        "La conferencia empieza en cuanto llegue un moderador. Por favor, espere.",
    ),
    "wait-let-in": (
        "Please wait. A moderator will let you in.",
        "Bitte warten Sie. Ein Moderator lässt Sie ein.",
        "Por favor, espere. Un moderador le dejará entrar.",
    ),
    "place": ("You are number", "Sie sind Nummer", "Usted es el número"),
    "in-line": ("in line.", "in der Warteschlange.", "en la cola."),
    "let-in": (
        "You are let in now.",
        "Sie werden jetzt eingelassen.",
        "Ya puede entrar.",
    ),
    "not-let-in": (
        "You are not let in.",
        "Sie werden nicht eingelassen.",
        "No se le deja entrar.",
    ),
    "somebody-waits": (
        "Somebody waits to be let in. To let everybody in, press star hash.",
        "Jemand wartet auf Einlass. Um alle einzulassen, drücken Sie Stern Raute.",
        "Alguien espera para entrar. Para dejar entrar a todos, pulse asterisco almohadilla.",
    ),
    "is-waiting": (
        "waits to be let in.",
        "wartet auf Einlass.",
        "espera para entrar.",
    ),
    "one-waits": (
        "One person waits to be let in.",
        "Eine Person wartet auf Einlass.",
        "Una persona espera para entrar.",
    ),
    "people-wait": (
        "people wait to be let in.",
        "Personen warten auf Einlass.",
        "personas esperan para entrar.",
    ),
    "let-them-in": (
        "To let everybody in, press star hash.",
        "Um alle einzulassen, drücken Sie Stern Raute.",
        "Para dejar entrar a todos, pulse asterisco almohadilla.",
    ),
    "nobody-waits": (
        "Nobody waits to be let in.",
        "Niemand wartet auf Einlass.",
        "Nadie espera para entrar.",
    ),
    "banned": (
        "You were removed from this conference, and may not come back.",
        "Sie wurden aus dieser Konferenz entfernt und dürfen nicht zurückkommen.",
        "Ha sido expulsado de esta conferencia y no puede volver.",
    ),
    # Coming and going
    "first": (
        "You are the first one here.",
        "Sie sind als Erster hier.",
        "Es usted el primero.",
    ),
    "has-joined": ("has joined.", "ist dazugekommen.", "ha entrado."),
    "has-left": ("has left.", "ist gegangen.", "ha salido."),
    "removed": (
        "You have been removed from the conference.",
        "Sie wurden aus der Konferenz entfernt.",
        "Ha sido expulsado de la conferencia.",
    ),
    "removed-by": (
        "You have been removed from the conference by",
        "Sie wurden aus der Konferenz entfernt von",
        "Ha sido expulsado de la conferencia por",
    ),
    "ended": (
        "The conference has been ended.",
        "Die Konferenz wurde beendet.",
        "La conferencia ha sido terminada.",
    ),
    "goodbye": ("Goodbye.", "Auf Wiederhören.", "Adiós."),
    "ends-in": (
        "The conference ends in",
        "Die Konferenz endet in",
        "La conferencia termina en",
    ),
    "one-minute": ("one minute.", "einer Minute.", "un minuto."),
    "minutes": ("minutes.", "Minuten.", "minutos."),
    # In the conference
    "muted": ("You are muted.", "Sie sind stumm geschaltet.", "Está silenciado."),
    "unmuted": (
        "You can be heard again.",
        "Man hört Sie wieder.",
        "Ya se le oye otra vez.",
    ),
    "muted-by-moderator": (
        "A moderator has muted you.",
        "Ein Moderator hat Sie stumm geschaltet.",
        "Un moderador le ha silenciado.",
    ),
    "all-muted": (
        "All others are muted.",
        "Alle anderen sind stumm geschaltet.",
        "Todos los demás están silenciados.",
    ),
    "all-heard": (
        "All others can be heard again.",
        "Man hört alle anderen wieder.",
        "Ya se oye otra vez a todos los demás.",
    ),
    "removed-last": (
        "The one who came last is removed.",
        "Wer zuletzt kam, ist entfernt.",
        "Quien llegó al último ha sido expulsado.",
    ),
    "speak-up": (
        "A moderator asks you to speak. To be heard, press star six.",
        "Ein Moderator bittet Sie zu sprechen. Damit man Sie hört, drücken Sie Stern sechs.",
        "Un moderador le pide que hable. Para que se le oiga, pulse asterisco seis.",
    ),
    "listener": (
        "You are listening only.",
        "Sie hören nur zu.",
        "Usted solo escucha.",
    ),
    "hand-raised": ("Your hand is raised.", "Ihre Hand ist oben.", "Su mano está levantada."),
    "hand-lowered": ("Your hand is down.", "Ihre Hand ist unten.", "Su mano está bajada."),
    "hand": (
        "Somebody raises a hand.",
        "Jemand hebt die Hand.",
        "Alguien levanta la mano.",
    ),
    "alone": ("You are alone here.", "Sie sind allein hier.", "Está solo aquí."),
    "people-here": (
        "people are in the conference.",
        "Personen sind in der Konferenz.",
        "personas están en la conferencia.",
    ),
    "more-than": ("More than", "Mehr als", "Más de"),
    "not-allowed": (
        "Only a moderator can do that.",
        "Das kann nur ein Moderator.",
        "Eso solo puede hacerlo un moderador.",
    ),
    "nobody-to-remove": (
        "There is nobody whom you could remove.",
        "Hier ist niemand, den Sie entfernen könnten.",
        "No hay nadie a quien pueda expulsar.",
    ),
    "conference-locked": (
        "The conference is now locked.",
        "Die Konferenz ist jetzt geschlossen.",
        "La conferencia está ahora cerrada.",
    ),
    "conference-unlocked": (
        "The conference is now open.",
        "Die Konferenz ist jetzt offen.",
        "La conferencia está ahora abierta.",
    ),
    "enter-number": (
        "Enter the number to call, followed by the hash key.",
        "Geben Sie die Nummer ein, die angerufen werden soll, dann die Rautetaste.",
        "Introduzca el número al que llamar y pulse almohadilla.",
    ),
    "calling": ("It is being called.", "Es wird angerufen.", "Se está llamando."),
    "no-such-number": (
        "That number cannot be called.",
        "Diese Nummer kann nicht angerufen werden.",
        "No se puede llamar a ese número.",
    ),
    "not-reached": (
        "Nobody could be reached there.",
        "Dort war niemand zu erreichen.",
        "No se pudo localizar a nadie allí.",
    ),
    "help": (
        "Star six mutes and unmutes you. Star nine raises and lowers your hand."
        " Star two says how many are here.",
        "Stern sechs schaltet Sie stumm und wieder laut. Stern neun hebt und senkt die Hand."
        " Stern zwei sagt, wie viele hier sind.",
        "Asterisco seis le silencia o le da voz. Asterisco nueve levanta y baja la mano."
        " Asterisco dos dice cuántos hay.",
    ),
    "help-moderator": (
        "Star five locks and unlocks. Star eight mutes all others and unmutes them."
        " Star three removes the last who came. Star one calls somebody in."
        " Star seven starts and stops recording. Star zero ends the conference.",
        "Stern fünf schließt und öffnet. Stern acht schaltet alle anderen stumm und wieder laut."
        " Stern drei entfernt den, der zuletzt kam. Stern eins ruft jemanden dazu."
        " Stern sieben startet und beendet die Aufzeichnung. Stern null beendet die Konferenz.",
        "Asterisco cinco cierra y abre. Asterisco ocho silencia a los demás y les da voz."
        " Asterisco tres expulsa al último que llegó. Asterisco uno llama a alguien."
        " Asterisco siete empieza y termina la grabación. Asterisco cero termina la conferencia.",
    ),
    "help-waiting": (
        "Star hash lets in everybody who waits.",
        "Stern Raute lässt alle ein, die warten.",
        "Asterisco almohadilla deja entrar a todos los que esperan.",
    ),
    # Recording
    "recording-started": (
        "This conference is now being recorded.",
        "Diese Konferenz wird ab jetzt aufgezeichnet.",
        "A partir de ahora se graba esta conferencia.",
    ),
    "recording-on": (
        "This conference is being recorded.",
        "Diese Konferenz wird aufgezeichnet.",
        "Esta conferencia se está grabando.",
    ),
    "recording-tracks": (
        "Each voice is also kept on a track of its own.",
        "Jede Stimme wird auch auf einer eigenen Spur festgehalten.",
        "Cada voz se guarda también en una pista propia.",
    ),
    "recording-paused": (
        "The recording is paused.",
        "Die Aufzeichnung ist unterbrochen.",
        "La grabación está en pausa.",
    ),
    "recording-stopped": (
        "The recording has ended.",
        "Die Aufzeichnung ist beendet.",
        "La grabación ha terminado.",
    ),
    "agree": (
        "Your voice is left out of it until you agree by pressing star four.",
        "Ihre Stimme bleibt ausgespart, bis Sie mit Stern vier zustimmen.",
        "Su voz se omite hasta que acepte pulsando asterisco cuatro.",
    ),
    "agreed": (
        "Thank you. Your voice is recorded, too.",
        "Danke. Ihre Stimme wird mit aufgezeichnet.",
        "Gracias. También se graba su voz.",
    ),
    "nothing-recorded": (
        "Nothing is being recorded.",
        "Es wird nichts aufgezeichnet.",
        "No se está grabando nada.",
    ),
    "not-recorded": (
        "This conference may not be recorded.",
        "Diese Konferenz darf nicht aufgezeichnet werden.",
        "Esta conferencia no puede grabarse.",
    ),
    # Of a time
    "am": ("AM.", "", ""),
    "pm": ("PM.", "", ""),
}

WEEKDAYS = (
    ("Monday", "Montag", "lunes"),
    ("Tuesday", "Dienstag", "martes"),
    ("Wednesday", "Mittwoch", "miércoles"),
    ("Thursday", "Donnerstag", "jueves"),
    ("Friday", "Freitag", "viernes"),
    ("Saturday", "Samstag", "sábado"),
    ("Sunday", "Sonntag", "domingo"),
)
MONTHS = (
    ("January", "Januar", "de enero"),
    ("February", "Februar", "de febrero"),
    ("March", "März", "de marzo"),
    ("April", "April", "de abril"),
    ("May", "Mai", "de mayo"),
    ("June", "Juni", "de junio"),
    ("July", "Juli", "de julio"),
    ("August", "August", "de agosto"),
    ("September", "September", "de septiembre"),
    ("October", "Oktober", "de octubre"),
    ("November", "November", "de noviembre"),
    ("December", "Dezember", "de diciembre"),
)
ORDINALS = {
    1: "ersten",
    3: "dritten",
    7: "siebten",
    8: "achten",
}
"""German ones that are not a number with "ten"."""

LARGEST = 100
"""The largest number that there is a prompt for."""


def texts(language: str) -> dict[str, str]:
    """Every prompt of a language: its name and what is to be spoken."""
    which = LANGUAGES.index(language)
    said = {name: versions[which] for name, versions in SENTENCES.items() if versions[which]}
    said |= {f"number-{number}": str(number) for number in range(LARGEST + 1)}
    said |= {f"weekday-{day}": names[which] for day, names in enumerate(WEEKDAYS, 1)}
    said |= {f"month-{month}": names[which] for month, names in enumerate(MONTHS, 1)}
    said |= {f"day-{day}": _day(language, day) for day in range(1, 32)}
    said |= {f"hour-{hour}": _hour(language, hour) for hour in range(24)}
    said |= {f"minute-{minute}": _minute(language, minute) for minute in range(60)}
    return {name: text for name, text in said.items() if text}


def _day(language: str, day: int) -> str:
    if language == "de":
        return ORDINALS.get(day) or f"{day}{'ten' if day < 20 else 'sten'}"
    if language == "es":
        return "primero" if day == 1 else str(day)
    ending = "th" if 11 <= day <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"the {day}{ending} of"


def _hour(language: str, hour: int) -> str:
    if language == "de":
        return "ein Uhr" if hour == 1 else f"{hour} Uhr"
    if language == "es":
        return "la una" if hour == 1 else f"las {hour}"
    return str(hour % 12 or 12)


def _minute(language: str, minute: int) -> str:
    """The full hour adds nothing in English and German."""
    if language == "es":
        return "en punto" if minute == 0 else f"y {minute}"
    if minute == 0:
        return ""
    return f"oh {minute}" if language == "en" and minute < 10 else str(minute)
