"""Services whose keys are written beside their names: the names, as expressions, in small letters."""

from typing import Final

NAMES: Final[tuple[str, ...]] = tuple(
    r"""
    abuseipdb abyssale accuweather adafruit adobe airtable alchemy algolia alibaba amplitude anthropic apify
    apilayer appfollow artifactory asana assemblyai atlassian auth0 aws axonaut ayrshare azure bannerbear
    baremetrics beamer beebole besttime billomat bitbar bitbucket bitly bittrex blazemeter blocknative bombbomb
    braintree brandfetch browserstack browshot bugherd bugsnag buildkite calendly campayn cannyio capsulecrm
    carboninterface cerebras chargebee circleci clarifai clearbit clickhouse clicksend clickup clojars cloudconvert
    cloudflare cloudinary cloudmersive cloudsmith cloverly codacy codeclimate codecov cohere coinbase coinlayer
    coinlib collect2 confluence confluent contentful coveralls currencyfreaks currencylayer customerio databox
    datadog deepgram deepl deepseek detectify dialogflow digitalocean discord docker(?:hub)? drone(?:ci)? dropbox
    duffel easypost elastic elevenlabs etsy everhour exchangerate fastforex fastly finicity finnhub firebase
    fireworks flickr flutterwave foursquare freshbooks freshdesk gemini geoapify getresponse ghostinspector giphy
    github gitlab gitter gocardless grafana groq gumroad happyscribe helpscout heroku honeybadger honeycomb hubspot
    huggingface infura insightly instabot intercom interseller ipapi ipdata ipgeolocation ipify ipinfo ipstack
    jenkins jfrog jina jira jotform jumpcloud kickbox klaviyo kraken kucoin langfuse langsmith launchdarkly lemlist
    lexigram linear linked[_-]?in linode loadmill lob loggly logz[_-]?io lokalise looker mailboxlayer mailchimp
    mailerlite mailgun mailjet mailmodo mailsac mandrill mapbox mapquest marketstack mattermost mediastack meraki
    messari metabase mistral mixpanel moosend netlify new[_-]?relic newsapi newscatcher ngrok nicereply nightfall
    numverify nylas nytimes okta onesignal openai opencagedata openrouter openuv openweather[a-z]{0,3} opsgenie
    optimizely owlbot packagecloud pagerduty pandadoc partnerstack paypal paystack pdflayer pdfshift perplexity
    pinecone pipedream pipedrive pivotaltracker pixabay plaid planyo poloniex postman postmark private[_-]?ai
    prodpad pubnub pushbullet pusher pushover quickbase rapidapi ravenhub razorpay readme[_-]?io rebrandly replicate
    rocketreach rockset rollbar runpod runscope salesforce scaleway scalr scrapeowl scraperapi scrapestack scrapfly
    scrapingbee screenshotapi screenshotlayer securitytrails segment semaphore sendbird sendgrid sendinblue sentry
    shippo shodan shopify shutterstock signalwire simfin simplesat skrapp slack smartsheets? smartystreets snyk
    sonar sourcegraph sparkpost splunk spoonacular sportsmonk spotify square(?:space)? statuscake statuspage
    stormboard storyblok strava stripe stytch supabase surveybot surveymonkey survicate tatumio tavily teamwork
    telegram telnyx the[_-]?odds[_-]?api thingsboard ticketmaster tiingo todoist tomtom tradier travis(?:ci)? trello
    trufflehog twelvedata twilio twitch twitter tyntec typeform uclassify unsplash uplead uptimerobot urlscan
    userstack vbout vercel veriphone virustotal vultr wandb weatherbit weatherstack webex webflow webscraping wepay
    whoxy wistia worldweather wrike yandex youneedabudget zapier zendesk zenrows zenscrape zerobounce zipbooks
    zipcodeapi zonka
    """.split()
)
"""As far as can be no words of a language: each place where one stands is looked at closely."""

PATTERN: Final = "|".join(NAMES)
