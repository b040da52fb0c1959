"""What the people of the mix write, in two languages: greetings, reports by gravity, details, farewells.

Made up for the benchmark; no real person's mail. Braces are facts that make each text different.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Language:
    """Parts of mails in one language. `reports`: by gravity, pairs of subject and first paragraph."""

    accepts: str
    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    firms: tuple[str, ...]
    roles: tuple[str, ...]
    greetings: tuple[str, ...]
    reports: dict[str, tuple[tuple[str, str], ...]]
    details: tuple[str, ...]
    farewells: tuple[str, ...]
    wrote: str


SPANISH = Language(
    accepts="es-MX, en-US",
    first_names=("Ana", "José", "María", "Héctor", "Lucía", "Raúl", "Sofía", "Iván", "Norma", "Óscar", "Paulina"),
    last_names=("Pérez", "García", "Núñez", "López", "Ibáñez", "Ramírez", "Solís", "Aguilar", "Cárdenas", "Mota"),
    firms=("papeleria-luna", "transportes-norte", "ferreteria-el-roble", "clinica-san-jose", "despacho-aguilar"),
    roles=("Auxiliar contable", "Compras", "Facturación", "Gerencia administrativa", "Sistemas"),
    greetings=("Buenos días:", "Buenas tardes,", "Estimados señores:", "Hola, buen día.", "Qué tal:"),
    reports={
        "question": (
            (
                "Duda sobre el folio {folio}",
                "¿Me pueden decir cómo se cancela la factura {folio} por ${amount}? Es la primera vez que lo hago.",
            ),
            (
                "¿Cómo agrego un usuario?",
                "Quisiera saber cómo doy de alta a otra persona para que consulte los reportes del día {day}.",
            ),
            (
                "Consulta de timbres",
                "Necesito saber cuántos timbres nos quedan y cuánto cuesta el siguiente paquete; compramos en {day}.",
            ),
            (
                "Cambio de domicilio fiscal",
                "Cambiamos de domicilio y quiero saber dónde se actualiza antes de emitir el folio {folio}.",
            ),
        ),
        "degraded": (
            (
                "Lentitud desde la mañana",
                "El portal está muy lento desde la mañana; el folio {folio} tardó diez minutos, aunque al final salió.",
            ),
            (
                "No llega el correo con el PDF",
                "La factura {folio} sí se timbra, pero a veces no llega el correo con el PDF al cliente.",
            ),
            (
                "Error intermitente en reportes",
                "Al bajar el reporte del día {day} marca error una de cada tres veces; después sí lo deja bajar.",
            ),
        ),
        "outage": (
            (
                "URGENTE: no podemos timbrar",
                "Nadie en la empresa puede timbrar desde hace una hora, el sistema no responde y hay camiones parados.",
            ),
            (
                "Sistema caído",
                "El sistema está caído por completo, ningún usuario puede entrar y la operación está detenida.",
            ),
        ),
    },
    details=(
        "El importe es de ${amount} y corresponde al pedido del día {day} que ya habíamos pagado por transferencia.",
        "Uso Chrome en Windows 11; también probé desde la computadora de mi compañera y pasa lo mismo con {folio}.",
        "Adjunto la pantalla y el archivo por si les sirve de algo; la referencia interna nuestra es {serial}.",
        "Ya revisé el manual y el video, pero el menú que mencionan no me aparece en la versión que tenemos.",
        "Si hace falta les puedo marcar por teléfono; estoy en la oficina de nueve a seis, menos el día {day}.",
        "Nuestro contador pregunta además si eso cambia algo en la declaración del mes por los ${amount}.",
    ),
    farewells=(
        "Gracias de antemano.",
        "Quedo al pendiente de sus comentarios.",
        "Saludos cordiales,",
        "Muchas gracias.",
    ),
    wrote="El {day}/11/2026 a las {hour}:15, Mesa de Servicio escribió:",
)

ENGLISH = Language(
    accepts="en-US",
    first_names=("Alice", "Brian", "Carol", "Daniel", "Emma", "Frank", "Grace", "Henry", "Irene", "Jack", "Karen"),
    last_names=("Smith", "Jones", "Brown", "Taylor", "Walker", "Hughes", "Carter", "Reed", "Foster", "Price"),
    firms=("northwind-parts", "bluebird-travel", "oakline-furniture", "harbor-clinic", "reed-accounting"),
    roles=("Accounts payable", "Purchasing", "Billing", "Office manager", "IT"),
    greetings=("Good morning,", "Hello,", "Dear support team,", "Hi there,", "Good afternoon,"),
    reports={
        "question": (
            (
                "Question about invoice {folio}",
                "Could you tell me how to cancel invoice {folio} for ${amount}? I have never done this before.",
            ),
            (
                "How do I add a user?",
                "I would like to know how to add another person so that she can see the reports of the {day}th.",
            ),
            (
                "Changing our billing address",
                "We have moved, and I wonder where to change the address before we issue {folio}.",
            ),
        ),
        "degraded": (
            (
                "Portal is slow today",
                "The portal has been very slow since this morning; {folio} took ten minutes but went through at last.",
            ),
            (
                "PDF mail sometimes missing",
                "Invoice {folio} is stamped, but sometimes the mail with the PDF does not reach our customer.",
            ),
        ),
        "outage": (
            (
                "URGENT: nobody can log in",
                "Nobody in the company can log in, the system is down completely and our trucks are waiting.",
            ),
        ),
    },
    details=(
        "The amount is ${amount} and belongs to the order of the {day}th, which we paid by bank transfer.",
        "I use Chrome on Windows 11; a colleague tried it on her computer and sees the same with {folio}.",
        "I attach the screen and the file in case they help; our own reference is {serial}.",
        "I read the manual and watched the video, but the menu it mentions is not there in our version.",
        "You can also reach me by phone; I am in the office from nine to six, except on the {day}th.",
        "Our accountant asks whether this changes anything in this month's return, because of the ${amount}.",
    ),
    farewells=("Thank you in advance.", "Best regards,", "Kind regards,", "Thanks a lot,"),
    wrote="On {day}/11/2026 at {hour}:15, Mesa de Servicio wrote:",
)
