internal import CLibYAML

/// What libyaml found next.
struct ParserEvent {
    enum Kind {
        case streamStart
        case streamEnd
        case documentStart
        case documentEnd
        case alias
        case scalar(String, isPlain: Bool)
        case sequenceStart
        case sequenceEnd
        case mappingStart
        case mappingEnd
    }

    var kind: Kind
    var mark: Mark
    var hasAnchor = false
    var hasTag = false
}

/// libyaml's parser over a buffer that outlives it.
@safe struct EventReader: ~Copyable {
    private let parser: UnsafeMutablePointer<yaml_parser_t>

    /// - Parameter bytes: UTF-8, and there until this reader is gone.
    init(unsafe bytes: UnsafeBufferPointer<UInt8>) throws(YAMLError) {
        unsafe self.parser = .allocate(capacity: 1)
        unsafe self.parser.initialize(to: yaml_parser_t())
        guard unsafe yaml_parser_initialize(self.parser) == 1 else {
            // libyaml has freed what it had; deleting an all-zero parser does nothing.
            throw YAMLError(mark: Mark(line: 1, column: 1), message: "out of memory")
        }
        unsafe yaml_parser_set_encoding(self.parser, YAML_UTF8_ENCODING)
        unsafe yaml_parser_set_input_string(self.parser, bytes.baseAddress, bytes.count)
    }

    deinit {
        unsafe yaml_parser_delete(self.parser)
        unsafe self.parser.deallocate()
    }

    /// After an error, or after the end of the stream, there is no next event to ask for.
    mutating func next() throws(YAMLError) -> ParserEvent {
        var event = unsafe yaml_event_t()
        guard unsafe yaml_parser_parse(self.parser, &event) == 1 else { throw self.failure() }
        defer { unsafe yaml_event_delete(&event) }
        return unsafe Self.convert(event)
    }

    private static func convert(_ event: yaml_event_t) -> ParserEvent {
        let mark = unsafe Mark(event.start_mark)
        switch unsafe event.type {
        case YAML_DOCUMENT_START_EVENT: return ParserEvent(kind: .documentStart, mark: mark)
        case YAML_DOCUMENT_END_EVENT: return ParserEvent(kind: .documentEnd, mark: mark)
        case YAML_STREAM_END_EVENT: return ParserEvent(kind: .streamEnd, mark: mark)
        case YAML_ALIAS_EVENT: return ParserEvent(kind: .alias, mark: mark)
        case YAML_SCALAR_EVENT:
            let scalar = unsafe event.data.scalar
            let text = unsafe String(
                decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
            return unsafe ParserEvent(
                kind: .scalar(text, isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE), mark: mark,
                hasAnchor: scalar.anchor != nil, hasTag: scalar.tag != nil)
        case YAML_SEQUENCE_START_EVENT:
            let start = unsafe event.data.sequence_start
            return unsafe ParserEvent(
                kind: .sequenceStart, mark: mark, hasAnchor: start.anchor != nil, hasTag: start.tag != nil)
        case YAML_SEQUENCE_END_EVENT: return ParserEvent(kind: .sequenceEnd, mark: mark)
        case YAML_MAPPING_START_EVENT:
            let start = unsafe event.data.mapping_start
            return unsafe ParserEvent(
                kind: .mappingStart, mark: mark, hasAnchor: start.anchor != nil, hasTag: start.tag != nil)
        case YAML_MAPPING_END_EVENT: return ParserEvent(kind: .mappingEnd, mark: mark)
        default: return ParserEvent(kind: .streamStart, mark: mark)
        }
    }

    private func failure() -> YAMLError {
        let problem =
            unsafe self.parser.pointee.problem.map { unsafe String(cString: $0) } ?? "out of memory"
        let context = unsafe self.parser.pointee.context.map { unsafe String(cString: $0) }
        let mark = unsafe Mark(self.parser.pointee.problem_mark)
        let hint =
            problem == "found character that cannot start any token"
            ? " (a tab for indentation, or one of %@` at the start of a value: use spaces, or quotes)"
            : ""
        return YAMLError(mark: mark, message: problem + (context.map { ", " + $0 } ?? "") + hint)
    }
}

extension Mark {
    fileprivate init(_ mark: yaml_mark_t) {
        self.init(line: Int(clamping: mark.line) + 1, column: Int(clamping: mark.column) + 1)
    }
}
