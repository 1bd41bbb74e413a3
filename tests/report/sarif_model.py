"""SARIF 2.1.0, as much of it as we write: a property that the specification does not name, or one that GitHub's code
scanning requires and is missing or empty, is refused. Written from the specification (sections 3.13 to 3.58) and from
GitHub's "SARIF support for code scanning", whose limits are here, too.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator


def relative_uri(uri: str) -> str:
    """A file of the repository: RFC 3986 characters only, no scheme, no way out."""
    assert re.fullmatch(r"[A-Za-z0-9._~!$&'()*+,;=:@/%-]+", uri) and not re.search(r"%(?![0-9A-F]{2})", uri)
    assert not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", uri) and not uri.startswith("/") and ".." not in uri.split("/")
    return uri


Text = Annotated[str, Field(min_length=1)]
Short = Annotated[str, Field(min_length=1, max_length=1024)]
Line = Annotated[int, Field(ge=1)]
Level = Literal["error", "warning", "note"]
RuleId = Annotated[str, Field(pattern=r"^kernelevo/[a-z]+(-[a-z]+)*$", max_length=255)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Message(Strict):
    text: Text


class Described(Strict):
    text: Short


class Help(Strict):
    text: Text
    markdown: Text


class Snippet(Strict):
    text: str


class Region(Strict):
    startLine: Line
    startColumn: Line
    endLine: Line
    endColumn: Line
    snippet: Snippet

    @model_validator(mode="after")
    def lies_in_its_snippet(self) -> Region:
        assert self.startLine == self.endLine and self.startColumn <= self.endColumn
        assert self.endColumn - 1 <= len(self.snippet.text.encode("utf-16-le")) // 2
        return self


class ArtifactLocation(Strict):
    uri: Annotated[str, AfterValidator(relative_uri)]


class PhysicalLocation(Strict):
    artifactLocation: ArtifactLocation
    region: Region


class Location(Strict):
    physicalLocation: PhysicalLocation


class RelatedLocation(Location):
    id: Annotated[int, Field(ge=0)]
    message: Message


class Fingerprints(Strict):
    primaryLocationLineHash: Annotated[str, Field(pattern=r"^[0-9a-f]+:[0-9]+$")]
    ours: Annotated[str, Field(alias="kernelevo/v1", pattern=r"^[0-9a-f]{32}:[0-9]+$")]


class Result(Strict):
    ruleId: RuleId
    ruleIndex: Annotated[int, Field(ge=0)]
    level: Level
    message: Message
    locations: Annotated[list[Location], Field(min_length=1, max_length=10)]
    partialFingerprints: Fingerprints
    relatedLocations: list[RelatedLocation] = []
    properties: dict[str, Any] = {}

    @model_validator(mode="after")
    def links_lead_to_related_locations(self) -> Result:
        ids = [str(related.id) for related in self.relatedLocations]
        assert len(set(ids)) == len(ids)
        assert set(re.findall(r"\]\(([^)]*)\)", self.message.text)) <= set(ids)
        return self


class Configuration(Strict):
    level: Level


class Rule(Strict):
    id: RuleId
    name: Annotated[str, Field(pattern=r"^([A-Z][a-z]+)+$", max_length=255)]
    shortDescription: Described
    fullDescription: Described
    help: Help
    defaultConfiguration: Configuration
    properties: dict[str, Any]


class Driver(Strict):
    name: Literal["kernelevo"]
    version: Text
    semanticVersion: Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+")]
    rules: Annotated[list[Rule], Field(min_length=1, max_length=25000)]


class Tool(Strict):
    driver: Driver


class Details(Strict):
    id: Annotated[str, Field(pattern=r"^kernelevo/.+/$")]


class Notification(Strict):
    level: Level
    message: Message


class Invocation(Strict):
    executionSuccessful: bool
    exitCode: Annotated[int, Field(ge=0)]
    toolExecutionNotifications: list[Notification] = []


class Artifact(Strict):
    location: ArtifactLocation
    roles: list[Literal["analysisTarget"]]


class Run(Strict):
    tool: Tool
    automationDetails: Details
    columnKind: Literal["utf16CodeUnits"]
    invocations: Annotated[list[Invocation], Field(min_length=1)]
    artifacts: list[Artifact]
    results: Annotated[list[Result], Field(max_length=25000)]
    properties: dict[str, Any]

    @model_validator(mode="after")
    def rules_are_those_of_the_driver(self) -> Run:
        rules = [rule.id for rule in self.tool.driver.rules]
        assert len(set(rules)) == len(rules)
        assert all(rules[result.ruleIndex] == result.ruleId for result in self.results)
        return self


class Log(Strict):
    schema_: Annotated[str, Field(alias="$schema", pattern=r"sarif.*2\.1\.0\.json$")]
    version: Literal["2.1.0"]
    runs: Annotated[list[Run], Field(min_length=1, max_length=20)]


def read_log(text: str) -> Log:
    """Raises pydantic's ValidationError where the log is none."""
    return Log.model_validate_json(text)
