"""What reasonforge raises.

TaostackError
├── UsageError
│   ├── ScoringInputError    a formula was given something outside its domain
│   ├── TaskError            a task, level or family that does not exist
│   │   └── StatementError   a statement that no solver here can read
│   └── BackendSettingsError a miner backend was configured wrongly
├── UnavailableError
│   └── BackendError         the backend's service does not answer as it should
├── RefusedError
│   └── AnswerError          an answer that is not in its type's canonical form
├── CorruptError
│   └── AuditError           published seed, transcripts and scores do not agree
└── StateError
    └── EpochError           an epoch was touched out of its order
"""

from taostack.process.errors import CorruptError, RefusedError, StateError, UnavailableError, UsageError


class ScoringInputError(UsageError):
    """A formula was given something outside its domain."""

    code = "reasonforge-scoring-input"
    remedy = "give finite numbers in the documented range"


class TaskError(UsageError):
    """A task, level or family that does not exist."""

    code = "reasonforge-task"
    remedy = "list what exists with: taostack reasonforge families"


class StatementError(TaskError):
    """A statement that no solver here can read."""

    code = "reasonforge-statement"
    remedy = "use a backend that understands this kind of statement"


class BackendSettingsError(UsageError):
    """A miner backend was configured wrongly."""

    code = "reasonforge-backend-settings"
    remedy = "see: taostack reasonforge miner --help"


class BackendError(UnavailableError):
    """The backend's service does not answer as it should."""

    code = "reasonforge-backend"
    remedy = "check the endpoint, its key and its limits; the miner goes on with the next task"


class AnswerError(RefusedError):
    """An answer that is not in its type's canonical form."""

    code = "reasonforge-answer"
    remedy = "write the answer in the form that the task's answer schema names"


class AuditError(CorruptError):
    """Published seed, transcripts and scores do not agree."""

    code = "reasonforge-audit"
    remedy = "ask the validator for the transcript again; if it still differs, its scores are not to be trusted"


class EpochError(StateError):
    """An epoch was touched out of its order."""

    code = "reasonforge-epoch"
    remedy = "open the epoch before scoring it, and commit it once"
