"""Invented documents, and the program run on them with the fixture model."""

import os
import subprocess
from pathlib import Path

MODEL = Path(__file__).resolve().parents[1] / "data" / "fixture-model"

POLICY = """# Marrow & Pike <b>privacy</b> policy

Marrow & Pike collects your **name** and e-mail address when you register. We keep them for two years.

## Sharing

We use your data to:

- show you advertising;
- train our models, unless you opt out.

We never sell your data to anyone. <script>alert("x")</script> Größe “quoted” — naïve 個人情報.

### Changes

We may change this policy at any time.
"""

TERMS = """# Terms of Lanternmail

You grant us a licence to your content. We do not review private messages.

You may delete your account, and we erase your data within thirty days.
"""

LATER = POLICY.replace("We never sell", "We may sell").replace(
    "- show you advertising;\n", "- show you advertising;\n- tell our partners where you are;\n"
).replace("We keep them for two years.", "We keep them for as long as we like.")

FRENCH = """# Politique de confidentialité

Nous recueillons votre nom et votre adresse électronique lorsque vous créez un compte auprès de notre
société, et nous conservons ces renseignements aussi longtemps que nécessaire pour fournir le service.
Vous pouvez à tout moment demander que vos données personnelles soient effacées de nos serveurs.
"""


class Program:
    """The program in a folder with the documents."""

    def __init__(self, program, folder):
        self.program = program
        self.folder = Path(folder)
        for name, text in {"policy.md": POLICY, "terms of mail.md": TERMS, "french.md": FRENCH}.items():
            (self.folder / name).write_text(text)

    def repository(self, name, editions):
        """A git repository in which `policy.md` had these texts, one a month."""
        folder = self.folder / name
        folder.mkdir()
        git = lambda *arguments, **more: subprocess.run(
            ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments], cwd=folder, check=True,
            capture_output=True, env={**os.environ, **more},
        )
        git("init", "--quiet", "--initial-branch=main")
        for month, text in enumerate(editions, 1):
            (folder / "policy.md").write_text(text)
            day = f"2023-{month:02}-01T12:00:00Z"
            git("add", "policy.md")
            git("commit", "--quiet", "--message", "version", GIT_AUTHOR_DATE=day, GIT_COMMITTER_DATE=day)

    def run(self, *arguments, status=(0, 3)):
        environment = {**os.environ, "FINEPRINT_MODEL": str(MODEL), "NO_COLOR": "1"}
        done = subprocess.run(
            [self.program, *map(str, arguments)], cwd=self.folder, env=environment, capture_output=True
        )
        assert done.returncode in status, (arguments, done.returncode, done.stderr.decode())
        return done.stdout.decode()
