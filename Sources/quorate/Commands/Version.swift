internal import ArgumentParser
internal import Glibc

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Print the version.",
        discussion: """
            Examples:
              quorate version
            """)

    func run() {
        Terminal.write("quorate \(Version.number)\n", to: STDOUT_FILENO)
    }
}

struct Completions: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print a shell's completion script.",
        discussion: """
            Examples:
              quorate completions bash > /etc/bash_completion.d/quorate
              quorate completions zsh > ~/.zfunc/_quorate
              quorate completions fish > ~/.config/fish/completions/quorate.fish
            """)

    enum Shell: String, CaseIterable, ExpressibleByArgument {
        case bash, zsh, fish
    }

    @Argument(help: "bash, zsh or fish.")
    var shell: Shell

    func run() {
        let shell: CompletionShell =
            switch self.shell {
            case .bash: .bash
            case .zsh: .zsh
            case .fish: .fish
            }
        Terminal.write(Quorate.completionScript(for: shell) + "\n", to: STDOUT_FILENO)
    }
}
